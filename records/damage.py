"""Damage: what of a run directory cannot be read, so that the rest of it can be judged.

What is damaged is left out and said, never guessed at and never passed on: whoever judges meets
only what could have been recorded.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from dress_rehearsal.plans.visible import visible_line

_NAMED: Final = 5
_DEEPEST: Final = 16
_NUMBERED: Final = re.compile(r"(.*?)([0-9]{4,9})\.parquet")


class Damage(NamedTuple):
    """A part of a run's record that cannot be read.

    Attributes:
        file: its path in the run directory.
        what: what is wrong with it and what became of that, as the rest of a sentence.
    """

    file: str
    what: str

    @property
    def sentence(self) -> str:
        """Return it as people read it, with what a damaged file put into it made visible."""
        return visible_line(f"{self.file}: {self.what}.")


def left_out(file: str, why: object) -> Damage:
    """Return the damage of a file that cannot be read at all."""
    return Damage(file, f"it cannot be read ({why}); it is left out")


def lines_left_out(file: str, numbers: Sequence[int]) -> Damage:
    """Return the damage of a file whose lines with these numbers (from 1) cannot be read."""
    if len(numbers) == 1:
        return Damage(file, f"line {numbers[0]} cannot be read; it is left out")
    first = ", ".join(str(number) for number in numbers[: min(_NAMED, len(numbers) - 1)])
    rest = len(numbers) - _NAMED
    last = f"and {numbers[-1]}" if rest <= 1 else f"and {rest} more"
    return Damage(
        file, f"{len(numbers)} lines cannot be read (lines {first} {last}); they are left out"
    )


def missing_parts(folder: str, names: Sequence[str], first: int) -> list[Damage]:
    """Return the damage of a table whose parts are numbered and of which some are not there.

    Each writer counts its own; the last may be missing without a trace.

    Args:
        first: the number that each begins with.
        names: of the files, such as `000003.parquet` or `g-000003.parquet`.
    """
    numbers: dict[str, list[int]] = {}
    for name in names:
        numbered = _NUMBERED.fullmatch(name)
        if numbered is not None:
            numbers.setdefault(numbered[1], []).append(int(numbered[2]))
    lost = sum(max(there) + 1 - first - len(set(there)) for there in numbers.values())
    if lost <= 0:
        return []
    what = "1 part is" if lost == 1 else f"{lost} parts are"
    return [Damage(folder, f"{what} missing; what they held is not known")]


def is_shallow(value: Any, deepest: int = _DEEPEST) -> bool:
    """Return whether lists and tables in parsed JSON stand in each other at most so deep."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return True
    return deepest > 0 and all(is_shallow(each, deepest - 1) for each in value)
