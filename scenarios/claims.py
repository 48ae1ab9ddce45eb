"""The claims of answers: what a page, a place, a ticket and a QR code say, as the record's columns.

Answers are kept as they came until their shard is written, and read then: nothing is looked into
while the rush goes. What an answer does not say, or says in no form that is known, stays null.
"""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dress_rehearsal.records import tables
from dress_rehearsal.records.tables import (
    CLAIMS,
    COUNTDOWN,
    JOIN,
    PAGE,
    PURCHASE,
    QR,
    QUEUE,
    STREAM,
    TICKET,
)
from dress_rehearsal.scenarios.qr_code import read_code, ticket_in

_SAID: Final = {
    PAGE: ("now_ns", "opens_at_ns", "state", "tickets", "remaining"),
    COUNTDOWN: ("now_ns", "opens_at_ns", "state", "remaining"),
    PURCHASE: ("state", "ticket", "number"),
    TICKET: ("state", "ticket", "number"),
    JOIN: ("state", "position", "ahead", "admitted"),
    QUEUE: ("state", "position", "ahead", "admitted"),
    STREAM: ("position", "ahead"),
    QR: ("code", "ticket"),
}
"""What the answers of a step may say, by the fields of `_Told`."""

CLAIMING: Final = frozenset(map(tables.STEPS.index, _SAID))
"""Places in `records.tables.STEPS` of the steps whose answers claim something."""

_COLUMNS: Final = {
    "now_ns": "told_now_ns",
    "opens_at_ns": "told_opens_ns",
    "state": "told_state",
    "remaining": "told_remaining",
    "tickets": "told_tickets",
    "position": "told_position",
    "ahead": "told_ahead",
    "admitted": "told_admitted",
    "number": "told_number",
    "ticket": "told_ticket",
    "code": "told_code",
}

_HEAD_BYTES: Final = 512

_Long = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Int = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class _Told(msgspec.Struct):
    """What an answer says; anything else in it is passed over."""

    now_ns: _Long | None = None
    opens_at_ns: _Long | None = None
    state: _Text | None = None
    remaining: _Int | None = None
    tickets: _Int | None = None
    position: _Int | None = None
    ahead: _Int | None = None
    admitted: bool | None = None
    number: _Int | None = None
    ticket: _Text | None = None
    code: _Long | None = None


_TOLD: Final = msgspec.json.Decoder(_Told)
_NOTHING: Final = _Told()


def read_claims(steps: Sequence[int], bodies: Sequence[bytes]) -> dict[str, pa.Array]:
    """Return the columns `records.tables.CLAIMS` of a shard.

    Args:
        steps: each row's place in `records.tables.STEPS`.
        bodies: each row's answer, empty where it claims nothing.
    """
    rows: dict[int, list[int]] = {}
    for row, body in enumerate(bodies):
        if body:
            rows.setdefault(steps[row], []).append(row)
    said: dict[str, list[tuple[NDArray[np.int64], list[Any]]]] = {name: [] for name in CLAIMS.names}
    for step, places in rows.items():
        word = tables.STEPS[step]
        read = _of_code if word == QR else _of_document
        told = [read(bodies[row]) for row in places]
        at = np.array(places, dtype=np.int64)
        for field in _SAID[word]:
            said[_COLUMNS[field]].append((at, [getattr(each, field) for each in told]))
    return {field.name: _column(field.type, said[field.name], len(bodies)) for field in CLAIMS}


def _of_document(body: bytes) -> _Told:
    try:
        return _TOLD.decode(body)
    except msgspec.DecodeError:
        return _understood(body)


def _understood(body: bytes) -> _Told:
    """Return what is understood of an answer that says some of it in another form."""
    try:
        document = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return _NOTHING
    told = _Told()
    for field in _COLUMNS if isinstance(document, dict) else ():
        try:
            one = msgspec.convert({field: document.get(field)}, _Told)
        except msgspec.ValidationError:
            continue
        setattr(told, field, getattr(one, field))
    return told


def _of_code(body: bytes) -> _Told:
    """Return a digest of what a QR code holds, and the ticket that it names.

    Where no ticket is seen in it the digest is of the answer as it came. A whole page of HTML is no
    code: it may be the same for everybody, and get the code elsewhere.
    """
    if b"<html" in body[:_HEAD_BYTES].lower():
        return _NOTHING
    text = read_code(body)
    ticket = None if text is None else ticket_in(text)
    content = body if text is None or ticket is None else text.encode()
    digest = hashlib.blake2b(content, digest_size=8).digest()
    return _Told(code=int.from_bytes(digest, "big", signed=True), ticket=ticket)


def _column(
    kind: pa.DataType, said: list[tuple[NDArray[np.int64], list[Any]]], rows: int
) -> pa.Array:
    """Return a column of so many rows: at each place what was said there."""
    if not any(any(value is not None for value in values) for _, values in said):
        return pa.nulls(rows, kind)
    sparse = np.full(rows, None, dtype=object)
    for at, values in said:
        sparse[at] = values
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    column = pa.array(sparse, type=plain)
    return column if plain is kind else column.dictionary_encode().cast(kind)
