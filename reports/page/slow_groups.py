"""What the slowest requests have in common: twenty that look alike are one finding."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

from dress_rehearsal.reports.part import SlowRequest
from dress_rehearsal.reports.words import felt, milliseconds, offset, resource_words, written

_MOST: Final = 3
"""So many groups are told; what is left is only counted."""
_FEWEST: Final = 3
"""Of fewer requests the list itself is as short."""
LATE_MS: Final = 100.0
"""So late the generator may be at T-0, and no click is called late."""
_ENDS: Final = {"ok": "answered", "unknown": "never answered"}
"""How requests ended, as a sentence says it; other outcomes are their own words."""


class _Alike(NamedTuple):
    step: str
    outcome: str
    error: str | None
    part: str | None
    """Where most of the time went; None where no answer said it."""


def groups_words(requests: Sequence[SlowRequest]) -> str:
    """Return how many of some requests were of one step, ended alike and lost most to one part, and
    when they were meant; the largest groups alone.

    Returns:
        Empty where they are few, or no two of them are alike.
    """
    groups: dict[_Alike, list[SlowRequest]] = defaultdict(list)
    for each in requests:
        groups[_Alike(each.step, each.outcome, each.error, _part(each))].append(each)
    ranked = sorted(groups.items(), key=lambda item: -len(item[1]))
    if len(requests) < _FEWEST or len(ranked[0][1]) < 2:
        return ""
    told = [
        f"{written(len(own))} of {written(len(requests))}: {_words(alike, own)}"
        for alike, own in ranked[:_MOST]
    ]
    left = sum(len(own) for _, own in ranked[_MOST:])
    more = f" The other {written(left)} in other ways." if left else ""
    return f"{'. '.join(told)}.{more}"


def _part(each: SlowRequest) -> str | None:
    if not each.parts or each.estimated:
        return None
    return max(each.parts, key=lambda name: each.parts[name])


def _words(alike: _Alike, own: Sequence[SlowRequest]) -> str:
    moments = [offset(round(at_s, 2)) for at_s in _ends([each.at_s for each in own])]
    took = [felt(round(ms, 1)) for ms in _ends([each.felt_ms for each in own])]
    late_ms = max(each.parts.get("generator", 0.0) for each in own)
    end = _ENDS.get(alike.outcome, alike.outcome)
    where = (
        "where their time went is not known"
        if alike.part is None
        else f"mostly in {resource_words(alike.part)}"
    )
    which = "it" if len(own) == 1 else "them"
    up_to = "" if len(own) == 1 else "up to "
    late = (
        f", the test sent {which} {up_to}{milliseconds(round(late_ms, 1))} too late"
        if late_ms >= LATE_MS
        else ""
    )
    return (
        f"{alike.step}, intended {_span(moments, 'at', 'from')}{late}, {end}"
        f"{f' ({alike.error})' if alike.error else ''} after {_span(took)}, {where}"
    )


def _ends(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


def _span(ends: Sequence[str], alone: str = "", between: str = "") -> str:
    """Return from where to where something lies, and what goes before it."""
    first, last = ends
    words = first if first == last else f"{first} to {last}"
    before = alone if first == last else between
    return f"{before} {words}" if before else words
