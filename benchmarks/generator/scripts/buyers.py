"""What our students do in the race: plain scenarios, as any user writes them."""

import time
from os import environ

from dress_rehearsal.scenarios import Buyer, Pending, Refused

PATH = environ["URL_PATH"]


class Moments(Buyer):
    """Every request is a moment of its own: asks for a ticket until the sale is over."""

    def buy(self) -> Pending:
        self.client.get(PATH)
        return Pending("one")

    def follow_up(self, told: Pending) -> Pending:
        self.client.get(PATH)
        return told


class OneMoment(Buyer):
    """All requests are of one moment: what is left is the client, and a row for each."""

    def buy(self) -> Refused:
        until_s = time.monotonic() + float(environ["SECONDS"])
        while time.monotonic() < until_s:
            self.client.get(PATH)
        return Refused("sold_out")
