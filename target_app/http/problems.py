"""Refusals and errors as the client sees them: RFC 9457 problem details with a stable `code`."""

from typing import NamedTuple

import msgspec

from dress_rehearsal.target_app.http.response import Answer

MEDIA_TYPE = b"application/problem+json"
_ENCODE = msgspec.json.Encoder().encode


class Problem(msgspec.Struct):
    """The body of every refusal and error."""

    type: str
    title: str
    status: int
    detail: str
    code: str


class _Kind(NamedTuple):
    status: int
    title: str
    detail: str


KINDS: dict[str, _Kind] = {
    "invalid_request": _Kind(400, "Invalid request", "The request could not be understood."),
    "idempotency_key_required": _Kind(
        400,
        "Idempotency-Key required",
        "Send an Idempotency-Key header of 1 to 255 characters with every purchase.",
    ),
    "qr_invalid": _Kind(400, "QR code invalid", "This code was not made by this service."),
    "bad_credentials": _Kind(401, "Bad credentials", "Student number and PIN do not match."),
    "unauthenticated": _Kind(
        401, "Unauthenticated", "Log in; the token is missing, invalid, expired or revoked."
    ),
    "too_many_attempts": _Kind(
        429, "Too many attempts", "Too many logins failed from here; wait for `Retry-After`."
    ),
    "not_enrolled": _Kind(403, "Not enrolled", "Only students on the festival's roster may buy."),
    "not_admitted": _Kind(
        403, "Not admitted", "It is not your turn yet; wait in the event's queue."
    ),
    "not_found": _Kind(404, "Not found", "There is nothing at this address."),
    "fault_unknown": _Kind(404, "Unknown fault", "There is no fault of that name."),
    "event_unknown": _Kind(404, "Unknown event", "There is no event of that name."),
    "ticket_unknown": _Kind(404, "Unknown ticket", "You hold no ticket of that id."),
    "method_not_allowed": _Kind(405, "Method not allowed", "This address has no such method."),
    "already_holds_ticket": _Kind(409, "Already holds a ticket", "One ticket a student."),
    "sold_out": _Kind(409, "Sold out", "All tickets are gone."),
    "too_early": _Kind(409, "Too early", "Sales have not opened yet."),
    "ticket_pending": _Kind(
        409, "Ticket pending", "The ticket is granted and being written; ask again in a moment."
    ),
    "not_in_queue": _Kind(409, "Not in the queue", "Join the event's queue first."),
    "already_entered": _Kind(409, "Already entered", "Somebody entered with this ticket before."),
    "qr_expired": _Kind(
        409, "QR code expired", "The code was shown before; open the ticket's QR code anew."
    ),
    "guards_missing": _Kind(
        409, "Guards missing", "Off, but not over: rows keep the database's guards away."
    ),
    "request_too_large": _Kind(413, "Request too large", "The request's body is too long."),
    "internal_error": _Kind(500, "Internal error", "The service failed; the failure is logged."),
    "overloaded": _Kind(503, "Overloaded", "Too many requests are waiting; ask again shortly."),
    "dependency_unavailable": _Kind(
        503, "Dependency unavailable", "A store behind the service does not answer; ask again."
    ),
    "not_ready": _Kind(503, "Not ready", "PostgreSQL or Redis does not answer."),
}


def make_problem(code: str, detail: str | None = None, *headers: tuple[bytes, bytes]) -> Answer:
    """Return the answer for `code`; `detail` replaces the usual one."""
    kind = KINDS[code]
    body = _ENCODE(
        Problem(
            type=f"urn:problem:{code}",
            title=kind.title,
            status=kind.status,
            detail=detail or kind.detail,
            code=code,
        )
    )
    if kind.status == 401:
        headers = (*headers, (b"www-authenticate", b"Bearer"))
    if kind.status == 503:
        headers = (*headers, (b"retry-after", b"1"))
    return Answer(kind.status, body, (b"content-type", MEDIA_TYPE), *headers)


PROBLEMS: dict[str, Answer] = {code: make_problem(code) for code in KINDS}
"""The usual answer for each code, prepared once."""
