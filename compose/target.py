"""The target as the conductor sees it: its readiness and its event, over HTTP only."""

import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

from compose.errors import TargetRefused

_ANSWER_S = 2.0
_HONOURED_S = 5.0
_RETRY_S = 0.02


class Target:
    """A ticketing service at a URL such as `http://127.0.0.1:20817`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._parts = urlsplit(self.url)

    def ready(self) -> bool:
        """Tell whether it and its stores answer yet."""
        try:
            status, _ = self.ask("GET", "/readyz")
        except TargetRefused:
            return False
        return status == http.HTTPStatus.OK

    def open_at(self, event: str, opens_at_ns: int, admin_token: str, agreeing: int) -> None:
        """Set the instant the sale opens.

        Returns once `agreeing` answers in a row, each over a connection of its own so that they
        come from any of the workers, name that instant.

        Raises:
            TargetRefused: it said no, or did not come to agree within 5 s.
        """
        status, body = self.ask(
            "PUT",
            f"/admin/events/{event}",
            {"opens_at_ns": opens_at_ns},
            {"Authorization": f"Bearer {admin_token}"},
        )
        if status != http.HTTPStatus.OK:
            raise TargetRefused(
                f"The sale cannot be opened: {self.url}/admin/events/{event} answered {status} "
                f"{_code(body)}; the event must exist there and the admin token be its own."
            )
        self._await_agreement(event, opens_at_ns, agreeing)

    def _await_agreement(self, event: str, opens_at_ns: int, agreeing: int) -> None:
        deadline = time.monotonic() + _HONOURED_S
        agreed = 0
        while agreed < agreeing:
            status, body = self.ask("GET", f"/events/{event}/countdown")
            if status == http.HTTPStatus.OK and body.get("opens_at_ns") == opens_at_ns:
                agreed += 1
                continue
            agreed = 0
            if time.monotonic() > deadline:
                raise TargetRefused(
                    f"The sale cannot be opened: {self.url}/events/{event}/countdown still "
                    f"answers {status} {body.get('opens_at_ns', _code(body))} instead of opening "
                    f"at {opens_at_ns}, {_HONOURED_S:.0f} s after it was set."
                )
            time.sleep(_RETRY_S)

    def ask(
        self,
        method: str,
        path: str,
        document: Any = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Send one request over a new connection; returns the status and the JSON object.

        The object is empty when the answer holds none.

        Raises:
            TargetRefused: nothing answers there, or what answers is not HTTP.
        """
        connection = self._connection()
        sent = {"Content-Type": "application/json", **(headers or {})}
        body = None if document is None else json.dumps(document)
        try:
            connection.request(method, f"{self._parts.path}{path}", body=body, headers=sent)
            answer = connection.getresponse()
            return answer.status, _object(answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise TargetRefused(
                f"The target {self.url} does not answer {method} {path}: "
                f"{error or type(error).__name__}."
            ) from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        return http.client.HTTPConnection(host, port, timeout=_ANSWER_S)


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _code(body: dict[str, Any]) -> str:
    return str(body.get("code") or body.get("detail") or "")
