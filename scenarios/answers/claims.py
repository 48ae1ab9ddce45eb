"""The claims of answers: what a page, a place, a ticket and a QR code say, as the record's columns.

Answers are kept as they came until their shard is written, and read then: nothing is looked into
while the rush goes. What an answer does not say, or says in no form that is known, stays null.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dress_rehearsal.records.steps import (
    CODE,
    COUNTDOWN,
    JOIN,
    PAGE,
    PURCHASE,
    QUEUE,
    STREAM,
    TICKET,
)
from dress_rehearsal.records.tables import CLAIMS
from dress_rehearsal.scenarios.answers.body import NOTHING, Body, read_body
from dress_rehearsal.scenarios.answers.qr_code import read_codes, ticket_in
from dress_rehearsal.scenarios.answers.vocabulary import Vocabulary
from dress_rehearsal.scenarios.client.limits import BEGINNING

_SAID: Final = {
    PAGE: ("now_ns", "opens_at_ns", "state", "tickets", "remaining"),
    COUNTDOWN: ("now_ns", "opens_at_ns", "state", "remaining"),
    PURCHASE: ("state", "ticket", "number"),
    TICKET: ("state", "ticket", "number"),
    JOIN: ("state", "position", "ahead", "admitted"),
    QUEUE: ("state", "position", "ahead", "admitted"),
    STREAM: ("position", "ahead"),
    CODE: ("digest", "ticket"),
}
"""What the answers of a step of a role may say, by the fields of `Body`, or of `_Code`."""
_UNFORESEEN: Final = (ValueError, TypeError, ArithmeticError, LookupError, RuntimeError)
"""What reading an answer might raise that no reader here foresees: it costs that answer alone."""

CLAIMING: Final = frozenset(_SAID)
"""The roles of the steps whose answers claim something."""

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
    "digest": "told_code",
}


class _Code(NamedTuple):
    """What a QR code says."""

    digest: int | None = None
    """Of what it holds; see `tables.CLAIMS`."""
    ticket: str | None = None


def read_claims(
    steps: Sequence[int],
    roles: Sequence[str],
    bodies: Sequence[bytes],
    states: Vocabulary,
    lost: Counter[str],
) -> dict[str, pa.Array]:
    """Return the columns `records.tables.CLAIMS` of a shard.

    Args:
        steps: each row's step, by its place.
        roles: what each step is for.
        bodies: each row's answer, empty where it claims nothing.
        states: the words of `told_state` so far; grows.
        lost: counts, by its name, each value that is said in no form that can be kept.
    """
    parts = list(_parts(steps, roles, bodies, states, lost))
    if len(parts) == 1:
        return parts[0]
    return {
        name: pa.chunked_array([part[name] for part in parts]).unify_dictionaries().combine_chunks()
        for name in CLAIMS.names
    }


def is_page(body: bytes) -> bool:
    """Return whether a body is a page of HTML, which claims nothing itself."""
    beginning = body[:BEGINNING].lower()
    return b"<html" in beginning or beginning.lstrip().startswith(b"<!doctype html")


def _parts(
    steps: Sequence[int],
    roles: Sequence[str],
    bodies: Sequence[bytes],
    states: Vocabulary,
    lost: Counter[str],
) -> Iterator[dict[str, pa.Array]]:
    """Yield the columns of all rows, or where those cannot be read together of each half by itself.

    So an answer that no reader foresees is found, and counted, and costs the others nothing.
    """
    lost_here: Counter[str] = Counter()
    try:
        part = _together(steps, roles, bodies, states, lost_here)
    except _UNFORESEEN:
        if len(bodies) > 1:
            half = len(bodies) // 2
            yield from _parts(steps[:half], roles, bodies[:half], states, lost)
            yield from _parts(steps[half:], roles, bodies[half:], states, lost)
            return
        lost_here = Counter(answer=1)
        part = _together(steps, roles, [b""], states, lost_here)
    lost.update(lost_here)
    yield part


def _together(
    steps: Sequence[int],
    roles: Sequence[str],
    bodies: Sequence[bytes],
    states: Vocabulary,
    lost: Counter[str],
) -> dict[str, pa.Array]:
    """Return the columns of all rows, which are read together."""
    rows: dict[int, list[int]] = {}
    for row, body in enumerate(bodies):
        if body:
            rows.setdefault(steps[row], []).append(row)
    said: dict[str, list[tuple[NDArray[np.int64], list[Any]]]] = {name: [] for name in CLAIMS.names}
    for step, places in rows.items():
        role = roles[step]
        answers = [bodies[row] for row in places]
        told = _of_codes(answers, lost) if role == CODE else _of_bodies(answers, _SAID[role], lost)
        at = np.array(places, dtype=np.int64)
        for field in _SAID[role]:
            values = list(map(attrgetter(field), told))
            if field == "state":
                values, unkept_states = states.keep(values)
                lost[field] += unkept_states
            said[_COLUMNS[field]].append((at, values))
    return {field.name: _column(field.type, said[field.name], len(bodies)) for field in CLAIMS}


def _of_bodies(answers: list[bytes], fields: tuple[str, ...], lost: Counter[str]) -> list[Body]:
    """Return what bodies say; counted are those of the fields that are in no form of theirs."""
    told = []
    for answer in answers:
        body, unkept = read_body(answer)
        told.append(body or NOTHING)
        if unkept:
            lost.update(field for field in unkept if field in fields)
    return told


def _of_codes(answers: list[bytes], lost: Counter[str]) -> list[_Code]:
    """Return digests of what QR codes hold, and the tickets that they name.

    Where no ticket is seen in it the digest is of the answer as it came, which may be JSON that
    says itself whose it is (`ticket`; counted where it is in no form of its). A whole page of HTML
    is no code: it may be the same for everybody, and get the code elsewhere.
    """
    told = [_Code()] * len(answers)
    codes = [place for place, answer in enumerate(answers) if not is_page(answer)]
    texts = read_codes([answers[place] for place in codes])
    for place, text in zip(codes, texts, strict=True):
        ticket = None if text is None else ticket_in(text)
        content = answers[place] if text is None or ticket is None else text.encode()
        if ticket is None and content.lstrip()[:1] == b"{":
            (body,) = _of_bodies([content], ("ticket",), lost)
            ticket = body.ticket
        digest = hashlib.blake2b(content, digest_size=8).digest()
        told[place] = _Code(int.from_bytes(digest, "big", signed=True), ticket)
    return told


def _column(
    kind: pa.DataType, said: list[tuple[NDArray[np.int64], list[Any]]], rows: int
) -> pa.Array:
    """Return a column of so many rows: at each place what was said there."""
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    parts = [pa.array(values, type=plain) for _, values in said]
    if all(part.null_count == len(part) for part in parts):
        return pa.nulls(rows, kind)
    places = np.concatenate([at for at, _ in said])
    among_said = np.zeros(rows, dtype=np.int64)
    among_said[places] = np.arange(len(places))
    is_silent = np.ones(rows, dtype=np.bool_)
    is_silent[places] = False
    column = pa.concat_arrays(parts).take(pa.array(among_said, mask=is_silent))
    return column if plain is kind else column.dictionary_encode().cast(kind)
