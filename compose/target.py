"""The target as the conductor sees it: its readiness and its event, over HTTP only."""

import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from dress_rehearsal.compose.errors import TargetRefusedError, UndecidedError
from dress_rehearsal.records import http
from dress_rehearsal.records.http.reach import Reach

ANSWER_S = 2.0
"""What any answer of a target may take, from the first packet to the last."""
_ANSWER_BYTES = http.MIB
_LIST_BYTES = 16 * http.MIB
_HONOURED_S = 5.0
_RETRY_S = 0.02
_SWITCHED_S = 5.0


class Target:
    """A ticketing service at a URL such as `http://127.0.0.1:20817`.

    Args:
        answers_within_s: how long any answer may take, from the first packet to the last.
        reach: which certificates are trusted, and the proxy in between.
        headers: that every request carries.
    """

    def __init__(
        self,
        url: str,
        answers_within_s: float = ANSWER_S,
        reach: Reach | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._answers_within_s = answers_within_s
        self._reach = reach
        self._headers = dict(headers or {})

    def ready(self, path: str = "/readyz") -> bool:
        """Return whether it answers yet; at `/readyz` it does so once its stores do."""
        try:
            status, _ = self.ask("GET", path)
        except TargetRefusedError:
            return False
        return status == HTTPStatus.OK

    def switch(self, fault: str, grade: float, admin_token: str) -> None:
        """Set how bad one of the app's own faults is; 0 is off.

        Each try says when it was sent: a worker that was stopped and takes it up when nobody waits
        for it any more leaves everything as it is.

        Raises:
            UndecidedError: it did not say yes within 5 s, and one of the tries was not answered, or
                by a failure, in the midst of which it may have been done.
            TargetRefusedError: it said no, and that was all.
        """
        path, deadline = f"/admin/faults/{fault}", time.monotonic() + _SWITCHED_S
        verb = "begun" if grade > 0 else "ended"
        undecided = False
        while True:
            sent = {
                "Authorization": f"Bearer {admin_token}",
                "X-Request-Start": f"t={time.time_ns()}",
            }
            try:
                status, body = self.ask("PUT", path, {"grade": grade}, sent)
            except TargetRefusedError as error:
                status, why = 0, str(error)
            else:
                if status == HTTPStatus.OK:
                    return
                why = (
                    f"The fault {fault} cannot be {verb}: {self.url}{path} answered {status} "
                    f"{_refusal(status, body)}"
                )
            failed = status == 0 or status >= 500
            undecided = undecided or failed
            if not failed or time.monotonic() > deadline:
                if undecided:
                    raise UndecidedError(f"{why} It may have taken effect all the same.")
                raise TargetRefusedError(why)
            time.sleep(_RETRY_S)

    def open_at(self, event: str, opens_at_ns: int, admin_token: str, agreeing: int) -> None:
        """Set the instant the sale opens.

        Returns once `agreeing` answers in a row, each over a connection of its own so that they
        come from any of the workers, name that instant.

        Raises:
            TargetRefusedError: it said no, or did not come to agree within 5 s.
        """
        status, body = self.ask(
            "PUT",
            f"/admin/events/{event}",
            {"opens_at_ns": opens_at_ns},
            {"Authorization": f"Bearer {admin_token}"},
        )
        if status != HTTPStatus.OK:
            raise TargetRefusedError(
                f"The sale cannot be opened: {self.url}/admin/events/{event} answered {status} "
                f"{_code(body)}; the event must exist there and the admin token be its own."
            )
        self._await_agreement(event, opens_at_ns, agreeing)

    def _await_agreement(self, event: str, opens_at_ns: int, agreeing: int) -> None:
        deadline = time.monotonic() + _HONOURED_S
        agreed = 0
        while agreed < agreeing:
            status, body = self.ask("GET", f"/events/{event}/countdown")
            if status == HTTPStatus.OK and body.get("opens_at_ns") == opens_at_ns:
                agreed += 1
                continue
            agreed = 0
            if time.monotonic() > deadline:
                raise TargetRefusedError(
                    f"The sale cannot be opened: {self.url}/events/{event}/countdown still "
                    f"answers {status} {_told(body)} instead of opening "
                    f"at {opens_at_ns}, {_HONOURED_S:.0f} s after it was set."
                )
            time.sleep(_RETRY_S)

    def send(
        self,
        method: str,
        path: str,
        document: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> http.Answer:
        """Send one request over a new connection; return the answer as it is.

        Raises:
            NoAnswerError: there is none; its text never quotes the path or a header.
        """
        body = None if document is None else json.dumps(document).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        return self._answer(method, path, body, {**kind, **(headers or {})}, _ANSWER_BYTES)

    def listed(self, path: str, headers: dict[str, str]) -> list[dict[str, Any]]:
        """GET a JSON list of objects.

        Raises:
            TargetRefusedError: nothing answers there, or something else than such a list.
        """
        status, text = self._exchange("GET", path, None, headers, _LIST_BYTES)
        try:
            found = http.json_of(text)
        except ValueError:
            found = None
        if status != HTTPStatus.OK or not isinstance(found, list):
            raise TargetRefusedError(f"{self.url}{path} answered {status} instead of a list.")
        return [each for each in found if isinstance(each, dict)]

    def ask(
        self,
        method: str,
        path: str,
        document: Any = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Send one request over a new connection; return the status and the JSON object.

        The object is empty when the answer holds none.

        Raises:
            TargetRefusedError: nothing answers there, or what answers is not HTTP.
        """
        sent = {"Content-Type": "application/json", **(headers or {})}
        body = None if document is None else json.dumps(document).encode()
        status, text = self._exchange(method, path, body, sent, _ANSWER_BYTES)
        return status, _object(text)

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], limit: int
    ) -> tuple[int, bytes]:
        try:
            answer = self._answer(method, path, body, headers, limit)
        except http.NoAnswerError as error:
            raise TargetRefusedError(
                f"The target {self.url} does not answer {method} {path}: {error}."
            ) from error
        return answer.status, answer.body

    def _answer(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        limit_bytes: int,
    ) -> http.Answer:
        return http.ask(
            method,
            f"{self.url}{path}",
            body=body,
            headers={**self._headers, **headers},
            reach=self._reach,
            deadline_s=self._answers_within_s,
            limit_bytes=limit_bytes,
        )


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = http.json_of(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _told(body: dict[str, Any]) -> str:
    """Return the opening that an answer tells, as JSON has it: a text is none."""
    if "opens_at_ns" in body:
        return f"and tells {json.dumps(body['opens_at_ns'])}"
    return _code(body) or "and tells no opens_at_ns"


def _refusal(status: int, body: dict[str, Any]) -> str:
    """Return the end of a sentence that says why a fault was not switched."""
    if status == HTTPStatus.NOT_FOUND:
        return f"{_code(body)}; the app must run with APP_FAULTS=on."
    words = str(body.get("detail") or "without a reason").rstrip(".")
    return f"{body['code']}: {words}." if body.get("code") else f"{words}."


def _code(body: dict[str, Any]) -> str:
    return str(body.get("code") or body.get("detail") or "")
