"""`baseline.json`: what a run was rehearsed against, so that its files alone still say so."""

from typing import Any, Final, TypedDict

import msgspec

from dress_rehearsal.records.damage import Damage

FILE: Final = "baseline.json"


class _Snapshot(TypedDict):
    """What is read of it: the median of each number over the baseline's runs, by its name."""

    numbers: dict[str, float | int]


def read_numbers(content: bytes) -> tuple[dict[str, Any], list[Damage]]:
    """Return the baseline's numbers by their names, and what of the file cannot be read."""
    try:
        return msgspec.json.decode(content, type=_Snapshot)["numbers"], []
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return {}, [Damage(FILE, f"it cannot be read ({error}); it is left out")]
