"""What the body of an answer says: every field that anything here heeds, read in one place.

A field is taken only in the form it is meant to have. One in any other form (of another type,
longer than anybody needs, a time of another age, text that is none) is as if it were not there, and
named, so that it can be counted; the rest of the body is still read.
"""

import json
from typing import Annotated, Any, Final

import msgspec

LONGEST_WORD: Final = 64
"""Characters of a word: an error's code, a state."""
LONGEST_TICKET: Final = 512
LONGEST_TOKEN: Final = 8192
LONGEST_PAUSE_MS: Final = 3_600_000
"""How long a target may ask its students to wait before they ask again."""
LATEST_NS: Final = 4_102_444_800_000_000_000
"""The year 2100: a time beyond it is none, and differences of times stay within 64 bits."""
_LONGEST_INTEGER: Final = 20

_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_WORD)]
_Ticket = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TICKET)]
# It goes into a header: nothing but what is visible there. `\Z`: a `$` would let a line break pass.
_Token = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TOKEN, pattern=r"\A[!-~]+\Z")]
_Pause = Annotated[float, msgspec.Meta(ge=0, le=LONGEST_PAUSE_MS)]
_Moment = Annotated[int, msgspec.Meta(ge=0, le=LATEST_NS)]
_Count = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]


class Body(msgspec.Struct):
    """What a body says; None where it does not. Anything else in it is passed over."""

    code: _Word | None = None
    token: _Token | None = None
    ticket: _Ticket | None = None
    state: _Word | None = None
    admitted: bool | None = None
    poll_after_ms: _Pause | None = None
    now_ns: _Moment | None = None
    opens_at_ns: _Moment | None = None
    remaining: _Count | None = None
    tickets: _Count | None = None
    position: _Count | None = None
    ahead: _Count | None = None
    number: _Count | None = None


NOTHING: Final = Body()
"""A body that says nothing; nobody changes it."""
_BODY: Final = msgspec.json.Decoder(Body)


def read_body(content: bytes) -> tuple[Body | None, tuple[str, ...]]:
    """Return what a body says, and the names of the fields that are there in no form of theirs.

    Returns:
        None for a body that is no JSON object at all, or too deep to be looked into.
    """
    try:
        return _BODY.decode(content), ()
    except (ValueError, RecursionError):
        return _understood(content)


def _understood(content: bytes) -> tuple[Body | None, tuple[str, ...]]:
    """Return what is understood of a body that says some of it in another form."""
    text = content.lstrip()
    if text[:1] != b"{":
        return None, ()
    try:
        document = _LENIENT.decode(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None, ()
    body, unkept = Body(), []
    for field in Body.__struct_fields__:
        value = document.get(field)
        try:
            if isinstance(value, str):
                value.encode()  # half of a surrogate pair is no text
            one = getattr(msgspec.convert({field: value}, Body), field)
        except (ValueError, RecursionError):
            unkept.append(field)
        else:
            setattr(body, field, one)
    return body, tuple(unkept)


def _integer(digits: str) -> Any:
    """Return an integer; one that no column holds is no number, and is not worth its reading."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER else digits


_LENIENT: Final = json.JSONDecoder(parse_int=_integer)
"""Reads what browsers read, and NaN beside."""
