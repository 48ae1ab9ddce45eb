"""Requests for tests of what is below the client that scenarios write with."""

from dress_rehearsal.scenarios.client.http import Request
from dress_rehearsal.scenarios.client.origin import Origin


def request_to(origin: Origin, method: str, path: str, body: bytes = b"") -> Request:
    """Return a request that is ready to be sent."""
    length = b"Content-Length: %d\r\n" % len(body) if body or method == "POST" else b""
    return Request(origin.begin(method, origin.prefix + path) + length, body)
