"""How a member buys in this shop: JSON, and a bearer token."""

from dress_rehearsal.scenarios import Buyer, Granted, Refused

REASONS = {403: "not_eligible", 409: "already_holds_ticket", 410: "sold_out", 425: "too_early"}


class Member(Buyer):
    def wait(self):
        self.client.get("/sale")

    def log_in(self):
        login = {"member": self.person["member"], "pin": self.person.pin}
        self.token = self.client.post("/token", json=login).json()["access_token"]

    def buy(self):
        bearer = {"Authorization": f"Bearer {self.token}"}
        answer = self.client.post("/tickets", headers=bearer)
        if answer.status == 201:
            return Granted(answer.json()["ticket"])
        return Refused(REASONS[answer.status]) if answer.status in REASONS else None
