"""How a visitor buys in this shop: JSON, and a cookie that holds the session."""

from dress_rehearsal.scenarios import Buyer, Granted, Refused

REASONS = {403: "not_eligible", 409: "already_holds_ticket", 410: "sold_out", 425: "too_early"}


class Visitor(Buyer):
    def arrive(self):
        self.client.get("/shows/winterfest", name="GET /shows/{show}")

    def log_in(self):
        self.client.post("/session", json={"email": self.person.student, "pin": self.person.pin})

    def buy(self):
        answer = self.client.post("/shows/winterfest/seats", name="POST /shows/{show}/seats")
        if answer.status == 201:
            return Granted(answer.json()["seat"]["code"])
        return Refused(REASONS[answer.status]) if answer.status in REASONS else None
