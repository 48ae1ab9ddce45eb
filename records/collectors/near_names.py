"""Names of metrics that are like those that were looked for, and not there."""

from collections.abc import Collection, Iterable
from difflib import SequenceMatcher, get_close_matches
from typing import Final

_NEAREST: Final = 3
_ALIKE: Final = 0.5
_COMPARED: Final = 60
"""Names that are compared letter by letter."""
_BEGINNING: Final = 4
_COMMON: Final = frozenset({"total", "count", "sum", "bucket", "seconds", "max", "ms", "time"})
"""Words that metrics of all kinds end with."""


def nearest(wanted: Collection[str], seen: Iterable[str]) -> list[str]:
    """Return those names of a text's metrics that are most like the wanted ones, three at most."""
    known = _kindred(wanted, seen)
    ranked: dict[str, float] = {}
    for name in sorted(wanted):
        for near in get_close_matches(name, known, n=_NEAREST, cutoff=_ALIKE):
            likeness = SequenceMatcher(None, name, near).ratio()
            ranked[near] = max(ranked.get(near, 0.0), likeness)
    return sorted(ranked, key=lambda near: (-ranked[near], near))[:_NEAREST]


def _kindred(names: Collection[str], seen: Iterable[str]) -> list[str]:
    """Return the few names of a text that share most words, or their beginning, with others.

    To compare each with each letter by letter takes seconds where an app shows thousands.
    """
    words = {word for name in names for word in name.split("_") if word not in _COMMON}
    begins = {name[:_BEGINNING] for name in names}
    shared = {
        name: len(words.intersection(name.split("_"))) + (name[:_BEGINNING] in begins)
        for name in seen
    }
    kindred = [name for name, number in shared.items() if number]
    return sorted(kindred, key=lambda name: (-shared[name], name))[:_COMPARED]
