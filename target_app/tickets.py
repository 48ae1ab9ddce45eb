"""Tickets: buying one, looking at it, and its QR code, as answers."""

import hashlib
import logging
import re
import secrets
import time
from typing import Any, Literal

import msgspec

from dress_rehearsal.target_app.allocators import base
from dress_rehearsal.target_app.allocators.base import Allocator, Claim, Grant, Refusal
from dress_rehearsal.target_app.enrolment import Granting
from dress_rehearsal.target_app.errors import OverloadedError, UnavailableError
from dress_rehearsal.target_app.event_status import EventStatus
from dress_rehearsal.target_app.http.problems import PROBLEMS
from dress_rehearsal.target_app.http.response import Answer, json_answer
from dress_rehearsal.target_app.qr import SLOT_S, draw_qr, sign_ticket
from dress_rehearsal.target_app.request_context import CURRENT, RequestContext
from dress_rehearsal.target_app.sessions import Bearer, Sessions, hash_student
from dress_rehearsal.target_app.settings import Settings
from dress_rehearsal.target_app.stores.pubsub import PubSub
from dress_rehearsal.target_app.telemetry.logs import Remark
from dress_rehearsal.target_app.telemetry.metrics import TICKETS_REFUSED

_LOG = logging.getLogger(__name__)
_SVG = (b"content-type", b"image/svg+xml")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_VARIES = (b"vary", b"Accept, Authorization")
_IDEMPOTENCY_MAX_BYTES = 255
_TICKET = re.compile(r"[0-9a-f]{32}")  # what `buy` makes; nothing else is asked of a store

TicketState = Literal["pending", "issued"]
"""What a ticket is said to be."""


class Granted(msgspec.Struct):
    """A ticket granted; `pending` until its row is committed, then `issued`."""

    ticket: str
    state: TicketState


class Ticket(msgspec.Struct):
    """A ticket as its holder sees it; `number` is its place in the order of grants."""

    ticket: str
    event: str
    state: TicketState
    number: int


class Tickets:
    """Serves whoever shows a token.

    `grant` is the allocator's grant, with what these settings put around it.
    """

    def __init__(
        self,
        settings: Settings,
        sessions: Sessions,
        allocator: Allocator,
        grant: Granting,
        event_status: EventStatus,
        pubsub: PubSub,
    ) -> None:
        self._sessions = sessions
        self._allocator = allocator
        self._grant = grant
        self._event_status = event_status
        self._pubsub = pubsub
        self._event = settings.event
        self._log_key = settings.key("log")
        self._qr_key = settings.key("qr")
        self._refused = {code: TICKETS_REFUSED.labels(code) for code in PROBLEMS}
        self._remark = Remark(_LOG, "ticket granted", self._tell)

    async def buy(self, event: str) -> Answer:
        """Sell one ticket to the bearer, or say why not."""
        context = CURRENT.get() or RequestContext()
        if event != self._event:
            return self._refuse("event_unknown")
        bearer = self._sessions.read(context.authorization)
        if bearer is None:
            return self._refuse("unauthenticated")
        context.student = bearer.student
        key = (context.idempotency_key or b"").strip()
        if not 0 < len(key) <= _IDEMPOTENCY_MAX_BYTES:
            return self._refuse("idempotency_key_required")
        idempotency = hashlib.blake2b(key, digest_size=16).hexdigest()
        try:
            outcome = await self._grant(Claim(bearer, idempotency, secrets.token_hex(16)))
        except UnavailableError as error:
            overloaded = isinstance(error, OverloadedError)
            self._refused["overloaded" if overloaded else "dependency_unavailable"].inc()
            raise
        if isinstance(outcome, Refusal):
            if _LOG.isEnabledFor(logging.DEBUG):
                _LOG.debug("ticket refused", extra={"code": outcome.code, **self._who(bearer)})
            if outcome.code == "sold_out" and self._event_status.has_tickets:
                self._pubsub.publish_sold_out()
            return self._refuse(outcome.code)
        if not outcome.replay:
            self._record(outcome, bearer)
        if outcome.issued:
            return json_answer(201, Granted(outcome.ticket, "issued"))
        return json_answer(202, Granted(outcome.ticket, "pending"))

    async def show(self, ticket: str) -> Answer:
        """Return the bearer's ticket."""
        found = await self._find(ticket)
        if isinstance(found, Refusal):
            return PROBLEMS[found.code]
        state: TicketState = "issued" if found.issued else "pending"
        return json_answer(200, Ticket(found.ticket, self._event, state, found.number))

    async def show_qr(self, ticket: str, as_text: bool) -> Answer:
        """Return the QR code of the bearer's ticket, or just the text in it, good for now."""
        found = await self._find(ticket)
        if isinstance(found, Refusal):
            return PROBLEMS[found.code]
        if not found.issued:
            return PROBLEMS["ticket_pending"]
        now_s = time.time()
        payload = sign_ticket(self._qr_key, self._event, found.ticket, now_s)
        left_s = int(SLOT_S - now_s % SLOT_S)  # a copy kept longer would be out of date
        headers = ((b"cache-control", b"private, max-age=%d" % left_s), _VARIES)
        if as_text:
            return Answer(200, payload.encode(), _TEXT, *headers)
        return Answer(200, draw_qr(payload), _SVG, *headers)

    async def _find(self, ticket: str) -> base.Ticket | Refusal:
        context = CURRENT.get() or RequestContext()
        bearer = self._sessions.read(context.authorization)
        if bearer is None:
            return Refusal("unauthenticated")
        context.student = bearer.student
        if not _TICKET.fullmatch(ticket):
            return Refusal("ticket_unknown")
        return await self._allocator.find(ticket, bearer)

    def _record(self, grant: Grant, bearer: Bearer) -> None:
        if self._event_status.is_last(grant.number):
            self._pubsub.publish_sold_out()
        self._remark.make(grant, bearer)

    def _tell(self, grant: Grant, bearer: Bearer) -> dict[str, Any]:
        return {"ticket": grant.ticket, "number": grant.number, **self._who(bearer)}

    def _refuse(self, code: str) -> Answer:
        self._refused[code].inc()
        return PROBLEMS[code]

    def _who(self, bearer: Bearer) -> dict[str, str]:
        return {"student_hash": hash_student(self._log_key, bearer.student)}
