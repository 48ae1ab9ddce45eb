"""A line to an origin: the client's connection, asked as tests ask it."""

from dress_rehearsal.plans.sections.target import Target
from dress_rehearsal.scenarios.client.connection import Connection
from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.origin import Origin
from tests.scenarios.client.requests import request_to

TRACE = b"00-0-0-01"


def origin_at(url: str, ca_file: str | None = None, **target: object) -> Origin:
    return Origin.of(url, Target(stage="external", url=url, ca_file=ca_file, **target))


class Line:
    """A connection to an origin."""

    def __init__(self, origin: Origin, timeout_s: float = 2.0) -> None:
        self.origin = origin
        self.connection = Connection(origin.address, timeout_s, secure=origin.secure)
        self.times = Exchange()

    def ask(self, path: str = "/here", method: str = "GET", stream=None):
        self.times = Exchange()
        request = request_to(self.origin, method, path)
        return self.connection.exchange(request, TRACE, self.times, stream=stream)
