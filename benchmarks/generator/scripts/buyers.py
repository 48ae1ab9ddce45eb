"""What our students do here: plain scenarios, as any user writes them."""

import time
from os import environ

from dress_rehearsal.scenarios import Buyer, Pending, Refused

PATH = environ.get("URL_PATH", "/")
SECONDS = float(environ.get("SECONDS", "0"))
STAY_S = float(environ.get("STAY_S", "0"))


class Moments(Buyer):
    """The race, every request a moment of its own: asks for a ticket until the sale is over."""

    def buy(self) -> Pending:
        self.client.get(PATH)
        return Pending("one")

    def follow_up(self, told: Pending) -> Pending:
        self.client.get(PATH)
        return told


class OneMoment(Buyer):
    """The race, all requests of one moment: what is left is the client, and a row for each."""

    def buy(self) -> Refused:
        until_s = time.monotonic() + SECONDS
        while time.monotonic() < until_s:
            self.client.get(PATH)
        return Refused("sold_out")


class LoggingIn(Buyer):
    """The calibration: one request at a time of one's own, over a connection that is there."""

    def arrive(self) -> None:
        self.client.get("/warm")

    def log_in(self) -> None:
        self.client.get(f"/known/{self.number}", name="GET /known/{number}")

    def buy(self) -> Refused:
        return Refused("sold_out")


class Storming(Buyer):
    """The storm: opens the page some time before, and clicks at T-0 over the same connection."""

    def arrive(self) -> None:
        self.client.get("/warm")

    def buy(self) -> Refused:
        self.client.get(f"/storm/{self.number}", name="GET /storm/{number}")
        time.sleep(STAY_S)  # as its peers stay: who leaves closes a connection, which is no burst
        return Refused("sold_out")
