"""How bad a fault is, as a plan writes it in the fault's unit."""

import re
from typing import Final, Literal

from dress_rehearsal.plans.types import parse_duration, parse_share, parse_size

Unit = Literal["share", "seconds", "items", "switch", "cpus", "size"]
"""What a grade means: `"20%"` of the cases, `"300ms"` of delay, `"100"` items, `"0.1"` CPUs,
`"64 MiB"` of memory, or just `"on"`."""

_ITEMS: Final = re.compile("[0-9]{1,7}")
_CPUS: Final = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,6})?|\.[0-9]{1,6}")
_EXAMPLES: Final[dict[Unit, str]] = {
    "share": "20%",
    "seconds": "300ms",
    "items": "100",
    "cpus": "0.2",
    "size": "64 MiB",
    "switch": "on",
}


def parse_grade(unit: Unit, text: str) -> float:
    """Return a written grade as a number: a share from 0 to 1, seconds, items, or 1 for a switch.

    Raises:
        ValueError: it is not written in the fault's unit, or is not above zero.
    """
    if unit == "share":
        level = parse_share(text)
    elif unit == "seconds":
        level = parse_duration(text)
    elif unit == "items":
        level = float(text) if _ITEMS.fullmatch(text) else 0.0
    elif unit == "cpus":
        level = float(text) if _CPUS.fullmatch(text) else 0.0
    elif unit == "size":
        level = float(parse_size(text))
    else:
        level = 1.0 if text == "on" else 0.0
    example = _EXAMPLES[unit]
    if level <= 0 or (unit == "share" and level > 1):
        raise ValueError(f'grade must be above zero and written like "{example}"')
    return level
