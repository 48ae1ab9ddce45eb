"""Windows: a part of the rush, as a gate names it: `"T+0s..T+10s"`, `"T+10s.."`, `"..T-1s"`."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator, WithJsonSchema

from dress_rehearsal.plans.sections.faults import format_moment, parse_moment

_EXPECTED: Final = (
    'expected a window such as "T+0s..T+10s", or open at one end, as "T+10s.." or "..T+1s"'
)


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when, in seconds from T-0, the end not included; None: that end is open."""

    begin_s: float | None
    end_s: float | None

    def __str__(self) -> str:
        """Return it as it is written."""
        begin, end = (
            "" if bound is None else format_moment(bound) for bound in (self.begin_s, self.end_s)
        )
        return f"{begin}..{end}"

    def meets(self, first_s: float, last_s: float) -> bool:
        """Return whether any of it lies between two moments."""
        begins = first_s if self.begin_s is None else self.begin_s
        ends = last_s if self.end_s is None else self.end_s
        return begins <= last_s and ends > first_s


def parse_window(text: str) -> Window:
    """Return a window such as `"T+0s..T+10s"`.

    Raises:
        ValueError: it is not written like that, is open at both ends, or ends before it begins.
    """
    ends = text.split("..")
    if len(ends) != 2:
        raise ValueError(_EXPECTED)
    begin_s, end_s = map(_bound, ends)
    if begin_s is None and end_s is None:
        raise ValueError("a window without a beginning and an end is the whole rush: leave it out")
    if begin_s is not None and end_s is not None and begin_s >= end_s:
        raise ValueError("the window ends before it begins")
    return Window(begin_s, end_s)


def _bound(text: str) -> float | None:
    moment = "".join(text.split())
    if not moment:
        return None
    if moment in ("T+0", "T-0"):
        return 0.0
    try:
        return parse_moment(moment)
    except ValueError:
        raise ValueError(_EXPECTED) from None


def _checked(text: str) -> str:
    parse_window(text)
    return text


WindowText = Annotated[
    str,
    AfterValidator(_checked),
    WithJsonSchema({"type": "string", "examples": ["T+0s..T+10s", "T+10s..", "..T-1s"]}),
]
"""A window kept as written, known to parse."""
