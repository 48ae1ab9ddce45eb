"""The bundled ticket open: what students do at an app with the routes of the reference app.

The target's routes and the environment call an entrance a gate; here that word is kept for the
limits of a plan.
"""

import os
from typing import Final
from urllib.parse import quote

from dress_rehearsal.plans import Plan
from dress_rehearsal.records.steps import TICKET_OPEN
from dress_rehearsal.records.tables import OWN_WORDS
from dress_rehearsal.scenarios.answers.body import Body, read_body
from dress_rehearsal.scenarios.answers.qr_code import read_codes, ticket_in
from dress_rehearsal.scenarios.buyer import (
    Admitted,
    Buyer,
    Claim,
    Failed,
    Granted,
    Pending,
    Refused,
    Turn,
    Waiting,
)
from dress_rehearsal.scenarios.client.response import Events, Response
from dress_rehearsal.scenarios.errors import ScenarioError

ENTRY_TOKEN: Final = "REHEARSE_GATE_TOKEN"  # noqa: S105 (the name of it)
"""Environment variable that holds the entrances' token."""

_PAGE, _COUNTDOWN, _LOGIN, _BUY, _TICKET, _QR, _JOIN, _QUEUE, _STREAM, _SCAN = TICKET_OPEN
_REFUSALS: Final = frozenset(
    {
        "too_early",
        "sold_out",
        "not_enrolled",
        "already_holds_ticket",
        "ticket_pending",
        "bad_credentials",
        "not_in_queue",
        "not_admitted",
        "already_entered",
        "qr_expired",
    }
)
"""Answers that say no for a reason the sale is meant to have; other 4xx are failures."""
_FINAL: Final = frozenset({"sold_out", "not_enrolled", "already_holds_ticket"})
"""Those of them after which nobody clicks again."""
_HEEDED: Final = frozenset({"code", "token", "poll_after_ms"})
"""Fields that students act on and that are no claims, which are counted when they are read."""
_ENTRANCES: Final = 4

No = Refused | Failed
"""What is wrong with an answer; where none came there is None in its place."""


class TicketOpen(Buyer):
    """A student at the bundled ticket open, without a waiting room.

    What a whole crowd asks for goes by `request`: what is still to be called is memory of everybody
    who waits for an answer, and `get` and `post` are half a KiB of it.
    """

    steps = TICKET_OPEN
    claims = True
    idempotent = True

    _picture: bytes | None = None
    """The ticket's code as it was drawn."""
    _payload: str | None = None
    """What it says."""

    def arrive(self) -> No | None:
        """Open the event's page."""
        return self._looked(self.client.request("GET", self._event(), name=_PAGE))

    def log_in(self) -> No | None:
        """Log in; the token goes with every request from then on."""
        self.client.log_in_as(None)
        me = {"student": self.person.student, "pin": self.person.pin}
        said = self._said(self.client.request("POST", "/login", name=_LOGIN, json=me))
        if not isinstance(said, Body):
            return said
        if said.token is None:
            return Failed("no_token")
        self.client.log_in_as(said.token)
        return None

    def wait(self) -> No | None:
        """Ask how long until the sale opens."""
        return self._looked(self.client.request("GET", self._event("/countdown"), name=_COUNTDOWN))

    def buy(self) -> Claim | None:
        """Click; each wish to buy has a key of its own."""
        key = {"Idempotency-Key": self.key}
        said = self._said(
            self.client.request("POST", self._event("/tickets"), name=_BUY, json={}, headers=key)
        )
        if not isinstance(said, Body):
            return said
        if said.ticket is None:
            return Failed("no_ticket")
        return Granted(said.ticket, issued=said.state == "issued")

    def follow_up(self, told: Pending | Granted) -> Claim | None:
        """Ask for the ticket's state."""
        said = self._said(self.client.get(_path_of(told.ticket), name=_TICKET))
        if not isinstance(said, Body):
            return said
        return Granted(told.ticket, issued=said.state == "issued")

    def collect(self, granted: Granted) -> Waiting | No | None:
        """Open the QR code; at the entrance, should the picture not do, get what it says.

        The scanner sends what the picture on the student's screen says. Where that cannot be read
        here, does not name the student's ticket, or has become old, it is asked for as text.
        """
        path = _path_of(granted.ticket) + "/qr"
        is_opened = self._picture is not None and self.enters
        headers = {"Accept": "text/plain"} if is_opened else None
        answer = self.client.get(path, name=_QR, headers=headers)
        no = self._looked(answer)
        if no is not None or not answer.status:
            return no
        content = answer.content if answer.is_whole else b""
        if is_opened:
            self._payload = content.decode("utf-8", "replace")
            return None
        self._picture = content
        if self.enters:
            self._payload = _read_off(content, granted.ticket)
        return Waiting() if self._payload is None else None

    def enter(self, granted: Granted) -> No | None:  # noqa: ARG002
        """Have the code scanned at the entrance that is nearest."""
        return self._scan(0)

    def lend(self, granted: Granted) -> No | None:  # noqa: ARG002
        """Have it scanned at the next one."""
        return self._scan(1)

    def _scan(self, further: int) -> No | None:
        """Have the code scanned at an entrance, whose own token lets it ask."""
        entrance = f"gate-{(self.number + further) % _ENTRANCES + 1}"
        scan = {"payload": self._payload, "gate": entrance}
        token = os.environ.get(ENTRY_TOKEN, "")
        return self._looked(self.client.post("/gate/scan", name=_SCAN, json=scan, auth=token))

    def _event(self, rest: str = "") -> str:
        return f"/events/{self.plan.event.id}{rest}"

    def _looked(self, answer: Response) -> No | None:
        """Return what is wrong with an answer that is only looked at."""
        return None if answer.status // 100 == 2 else self._no(answer)

    def _said(self, answer: Response) -> Body | No | None:
        """Return what an answer says, or what is wrong with it; None: there is none."""
        if answer.status // 100 != 2:
            return self._no(answer)
        body = self._read(answer)
        if not answer.is_whole:
            return Failed("body_too_large")
        return Failed("not_json") if body is None else body

    def _no(self, answer: Response) -> No | None:
        """Return a refusal or an error by its code, or by its status where it has none."""
        if not answer.status:
            return None
        body = self._read(answer)
        code = None if body is None else body.code
        if code in OWN_WORDS:  # what is said of an answer, no answer says itself
            self.unkept("code")
            code = None
        word = code or f"http_{answer.status}"
        return Refused(word, final=word in _FINAL) if word in _REFUSALS else Failed(word)

    def _read(self, answer: Response) -> Body | None:
        body, unkept = read_body(answer.content)
        for field in unkept:
            if field in _HEEDED:
                self.unkept(field)
        return body


class PolledRoom(TicketOpen):
    """A student at a ticket open with a waiting room, whose page asks for the place."""

    def join(self) -> Turn | None:
        """Join the queue; a jumper claims a place in it that the target must not believe."""
        claim = {"position": 1} if self.journey == "queue-jumper" else {}
        return self._place(self.client.post(self._event("/queue"), name=_JOIN, json=claim))

    def queue(self) -> Turn | None:
        """Ask for the place."""
        return self._place(self.client.get(self._event("/queue"), name=_QUEUE))

    def _place(self, answer: Response) -> Turn | None:
        said = self._said(answer)
        if not isinstance(said, Body):
            return said
        if said.state == "sold_out":
            return Refused("sold_out")
        if said.admitted:
            return Admitted()
        pause_ms = said.poll_after_ms
        return Waiting(None if pause_ms is None else pause_ms / 1000)


class StreamedRoom(PolledRoom):
    """A student at a ticket open with a waiting room, whose page is told by an event stream."""

    _stream: Events | None = None

    def join(self) -> Turn | None:
        """Join the queue; the stream begins at once."""
        self._stream = None
        told = super().join()
        return None if isinstance(told, Waiting) else told

    def queue(self) -> Turn | None:
        """Hold the stream until it decides or is cut; the next one goes on where it ended."""
        self._stream = stream = self.client.events(
            self._event("/queue/stream"),
            until=("admitted", "sold_out"),
            after=self._stream,
            name=_STREAM,
        )
        if stream.event is not None:
            return Admitted() if stream.event == "admitted" else Refused("sold_out")
        return None if stream.is_stream else self._looked(stream)


def ticket_open(plan: Plan) -> type[TicketOpen]:
    """Return the bundled ticket open with the plan's waiting room.

    Raises:
        ScenarioError: students are to enter and the entrances' token is not there.
    """
    if plan.students.entry > 0 and not os.environ.get(ENTRY_TOKEN):
        raise ScenarioError(
            f"students.entry sends students to the entrance, but {ENTRY_TOKEN} is not set: set it "
            f"to the token with which the target lets tickets be scanned, or set students.entry "
            f"to 0%."
        )
    return {"off": TicketOpen, "poll": PolledRoom, "sse": StreamedRoom}[plan.app.waiting_room]


def _path_of(ticket: str) -> str:
    return f"/tickets/{quote(ticket, safe='')}"


def _read_off(answer: bytes, ticket: str) -> str | None:
    """Return what a ticket's picture says, None where it cannot be read for certain."""
    (text,) = read_codes([answer]) if answer.lstrip()[:1] == b"<" else (None,)
    named = None if text is None else ticket_in(text)
    return text if named is not None and named == ticket.replace("-", "").lower() else None
