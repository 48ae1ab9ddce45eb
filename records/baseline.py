"""`baseline.json`: what a run was rehearsed against, so that its files alone still say so."""

from typing import Final, NamedTuple, NotRequired, TypedDict

import msgspec

from dress_rehearsal.records.damage import Damage

FILE: Final = "baseline.json"


class BaselineNumbers(NamedTuple):
    """The median of each number over the baseline's runs, by its name, and which of these are lower
    bounds."""

    numbers: dict[str, float | int]
    at_least: frozenset[str] = frozenset()


NO_BASELINE: Final = BaselineNumbers({})


class _Snapshot(TypedDict):
    """What is read of it."""

    numbers: dict[str, float | int]
    at_least: NotRequired[list[str]]


def read_numbers(content: bytes) -> tuple[BaselineNumbers, list[Damage]]:
    """Return the baseline's numbers, and what of the file cannot be read."""
    try:
        read = msgspec.json.decode(content, type=_Snapshot)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return NO_BASELINE, [Damage(FILE, f"it cannot be read ({error}); it is left out")]
    return BaselineNumbers(read["numbers"], frozenset(read.get("at_least", ()))), []
