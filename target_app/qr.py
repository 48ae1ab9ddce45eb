"""The QR code of a ticket: a signed payload as an SVG picture, at a tenth of a millisecond each.

A payload is the ticket, the half minute it was made in, and a signature over both and the event,
so a screenshot is worth little: a code is good within its half minute and `GRACE_S` after it.

With version, error level and mask fixed, a QR code is an affine function over GF(2) of its data
bits: Reed-Solomon codes are linear, placing only permutes, and the mask is one fixed XOR. So the
code of any payload is that of the empty payload XOR one pattern for each bit that is set. segno
draws those patterns once; a code is then some 160 XORs of integers. A test holds each result
against segno's own.
"""

import base64
import hashlib
import hmac
import re
from functools import cache
from typing import NamedTuple

import segno

# Of the alphanumeric mode of QR, in its order.
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
PAYLOAD_CHARACTERS = 59  # what version 3 holds at level M, less two
SLOT_S = 30
GRACE_S = 10  # after the slot; and before it, should the clocks of two machines differ
_PAYLOAD = re.compile(r"([A-Z2-7]{26})\.(\d{8})([A-Z2-7]{24})", re.ASCII)
_PAIR_BITS = 11  # two characters are one number, 45 * first + second
_LAST_BITS = 6
_SIDE = 29
_QUIET_ZONE = 4  # modules of white around the code, as ISO/IEC 18004 asks
_SIGNATURE_BYTES = 15
_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_DARK_RUN = re.compile("1+")


class Shown(NamedTuple):
    """What a genuine payload says: a ticket, and the slot (of `SLOT_S` since 1970) it is from."""

    ticket: str
    slot: int

    def is_good_at(self, now_s: float) -> bool:
        """Return whether the payload may be shown at this time (Unix seconds)."""
        age_s = now_s - self.slot * SLOT_S
        return -GRACE_S <= age_s < SLOT_S + GRACE_S


def sign_ticket(key: bytes, event: str, ticket: str, now_s: float) -> str:
    """Return the text inside the QR code at this time (Unix seconds), in QR's alphanumerics.

    `ticket` is 16 bytes in hex. Raises `ValueError` where it is not hex.
    """
    return _payload(key, event, ticket, int(now_s // SLOT_S))


def read_payload(key: bytes, event: str, payload: str) -> Shown | None:
    """Return what a payload says, or None where it was not made by this service for this event."""
    parts = _PAYLOAD.fullmatch(payload)
    if parts is None:
        return None
    ticket = base64.b32decode(parts[1] + "======").hex()
    shown = Shown(ticket, int(parts[2]))
    genuine = _payload(key, event, shown.ticket, shown.slot)
    return shown if hmac.compare_digest(genuine, payload) else None


def draw_qr(payload: str) -> bytes:
    """Return a payload of `PAYLOAD_CHARACTERS` characters as SVG. Raises as `matrix_bits` does."""
    side = _SIDE + 2 * _QUIET_ZONE
    rows = matrix_bits(payload)
    # A light module after each row keeps its last dark run from joining the next row's first.
    lined = "0".join(rows[start : start + _SIDE] for start in range(0, len(rows), _SIDE))
    strokes = []
    for run in _DARK_RUN.finditer(lined):
        start, end = run.span()
        y, x = divmod(start, _SIDE + 1)
        strokes.append(f"M{x + _QUIET_ZONE} {y + _QUIET_ZONE}.5h{end - start}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" '
        f'width="{8 * side}" height="{8 * side}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/>'
        f'<path stroke="#000" d="{"".join(strokes)}"/></svg>'
    ).encode()


def matrix_bits(payload: str) -> str:
    """Return the modules of the payload's code, row by row, `1` for dark.

    Raises `ValueError` for a payload of another length, `KeyError` for a character QR's
    alphanumeric mode has not.
    """
    if len(payload) != PAYLOAD_CHARACTERS:
        raise ValueError(f"A QR payload has {PAYLOAD_CHARACTERS} characters, not {len(payload)}.")
    code, patterns = draw_patterns()
    for bits_of_number, number in zip(patterns, _numbers(payload), strict=True):
        for bit, pattern in enumerate(bits_of_number):
            if number >> bit & 1:
                code ^= pattern
    return format(code, f"0{_SIDE * _SIDE}b")


@cache
def draw_patterns() -> tuple[int, list[list[int]]]:
    """Return the empty payload's code, and for each number of a payload its bits' patterns.

    Takes a third of a second the first time; called before the workers start, so they share it.
    """
    empty = "0" * PAYLOAD_CHARACTERS
    base = _draw(empty)
    patterns = []
    for at in range(0, PAYLOAD_CHARACTERS, 2):
        last = at == PAYLOAD_CHARACTERS - 1
        of_number = []
        for bit in range(_LAST_BITS if last else _PAIR_BITS):
            first, second = divmod(1 << bit, len(ALPHABET))
            characters = ALPHABET[second] if last else ALPHABET[first] + ALPHABET[second]
            of_number.append(_draw(empty[:at] + characters + empty[at + len(characters) :]) ^ base)
        patterns.append(of_number)
    return base, patterns


def _numbers(payload: str) -> list[int]:
    values = [_VALUE[character] for character in payload]
    pairs = zip(values[0:-1:2], values[1::2], strict=True)
    return [*(len(ALPHABET) * first + second for first, second in pairs), values[-1]]


def _draw(payload: str) -> int:
    code = segno.make_qr(
        payload, version=3, error="m", mode="alphanumeric", mask=3, boost_error=False
    )
    return int("".join(str(module) for row in code.matrix for module in row), 2)


def _payload(key: bytes, event: str, ticket: str, slot: int) -> str:
    digest = hmac.digest(key, f"{event}\0{ticket}\0{slot}".encode(), hashlib.sha256)
    name = base64.b32encode(bytes.fromhex(ticket)).decode().rstrip("=")
    return f"{name}.{slot:08d}{base64.b32encode(digest[:_SIGNATURE_BYTES]).decode()}"
