"""A shop to be probed: its scenario, its pages, its plan."""

SECRET = "q7Hd-4711-SENTINEL-Zm9vYmFy"
ROSTER = f"student,pin,enrolled\noutsider,7777,0\nann@uni.example,{SECRET},1\nbob@uni.example,2,1\n"
SOUND = """
    from dress_rehearsal.scenarios import Buyer, Granted, Refused

    class Customer(Buyer):
        def arrive(self):
            self.client.get("/shows/7", name="GET /shows/{show}")

        def log_in(self):
            self.client.post("/login", data={"who": self.person.student, "pin": self.person.pin})

        def buy(self):
            answer = self.client.post("/orders")
            match answer.status:
                case 200: return Granted(answer.json()["id"])
                case 409: return Refused("sold_out")
                case 422: return Refused("already_holds_ticket")
                case 403: return Refused("not_eligible")
"""
PAGES = {
    "/shows/7": "hello \x1b[2J",
    "/login": {"token": SECRET},
    "/orders": [{"id": "t-1"}, 422, 403],  # to the student, the same once more, an outsider
}
EVENT = "[event]\nstudents = 3\ntickets = 2\n"


def plan_of(url, more=""):
    event = "" if "[event]" in more else EVENT
    return (
        f'name = "shop"\n[scenario]\nfile = "shop.py"\n{event}'
        f'[target]\nstage = "external"\nurl = "{url}"\n[target.opening]\nalready = true\n{more}'
    )
