"""HTTP to this machine, past whatever proxy the environment names: it cannot reach loopback."""

import http.client
import urllib.request
from typing import Any, Final

OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))

FAILURES: Final[tuple[type[Exception], ...]] = (OSError, http.client.HTTPException, ValueError)
"""What opening and reading may raise, `urllib.error.URLError` included, which is an OSError."""


def get(url: str, timeout_s: float) -> bytes:
    """Return the body of a 200, awaited for `timeout_s` at a time.

    Raises:
        OSError, http.client.HTTPException, ValueError: `FAILURES`: there is none, or not all of it.
    """
    answer: Any
    with OPENER.open(url, timeout=timeout_s) as answer:
        if answer.status != 200:
            raise http.client.HTTPException(f"status {answer.status}")
        return bytes(answer.read())
