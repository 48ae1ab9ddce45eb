"""Carries what `requests` is to send over the one HTTP client, with that one's bounds and rules."""

import io
import ssl
from pathlib import Path
from typing import Any, Final

import certifi
import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from dress_rehearsal.records import http

_LIMIT_BYTES: Final = 64 * http.MIB
_OWN_HEADERS: Final = ("accept-encoding", "connection", "content-length", "host", "user-agent")
"""What the client says itself."""


class Transport(BaseAdapter):
    """An adapter for a session: whatever is asked is answered whole within its bounds, or not.

    Args:
        deadline_s: seconds for any answer, from the first packet to the last.
        ca_file: certificates to trust besides those of the system and of certifi.

    Raises:
        OSError: it holds none (`ssl.SSLError`), or cannot be read.
    """

    def __init__(self, deadline_s: float, ca_file: Path | None) -> None:
        super().__init__()
        self._deadline_s = deadline_s
        # Certificates take long to read, and many a Grafana answers http:// alone.
        self._tls = None if ca_file is None else _trusting(ca_file)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Send a request.

        Raises:
            NoAnswerError: there is no whole answer, and why.
        """
        body: Any = request.body  # JSON, which requests has as bytes, or nothing
        if self._tls is None and (request.url or "").startswith("https:"):
            self._tls = _trusting(None)
        answer = http.ask(
            request.method or "GET",
            request.url or "",
            body=body,
            headers={
                name: str(value)
                for name, value in request.headers.items()
                if name.lower() not in _OWN_HEADERS
            },
            deadline_s=self._deadline_s,
            limit_bytes=_LIMIT_BYTES,
            tls=self._tls,
        )
        response = requests.Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response.raw = io.BytesIO(answer.body)
        response.url = request.url or ""
        response.request = request
        return response

    def close(self) -> None:
        """Nothing stays open."""


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Return what trusts the certificates of the system, of certifi, and of a file."""
    tls = ssl.create_default_context()
    tls.load_verify_locations(certifi.where())
    if ca_file is not None:
        tls.load_verify_locations(ca_file)
    return tls
