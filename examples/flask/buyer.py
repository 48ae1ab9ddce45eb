"""How a customer buys in this shop: a form with a CSRF token, then a cookie."""

import re

from dress_rehearsal.scenarios import Buyer, Granted, Refused

REASONS = {403: "not_eligible", 409: "already_holds_ticket", 410: "sold_out", 425: "too_early"}


class Customer(Buyer):
    def arrive(self):
        self.client.get("/")

    def log_in(self):
        self.csrf = re.search('csrf" value="(.+?)"', self.client.get("/login").text)[1]
        form = {"csrf": self.csrf, "email": self.person.student, "pin": self.person.pin}
        self.client.post("/login", data=form)

    def buy(self):
        answer = self.client.post("/orders", data={"csrf": self.csrf})
        if answer.status == 201:
            return Granted(answer.json()["reference"])
        return Refused(REASONS[answer.status]) if answer.status in REASONS else None
