"""Margins: how much worse a number may become: `"< 10% and < 50 ms"`, or either part alone."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Final

from pydantic import AfterValidator, WithJsonSchema

from dress_rehearsal.plans.limits import Limit, Unit
from dress_rehearsal.plans.types import NUMBER, SECONDS_PER_UNIT, seconds_per

_UNITS: Final = "|".join(sorted(SECONDS_PER_UNIT, key=len, reverse=True))
_PART: Final = re.compile(rf"<\s*({NUMBER})\s*({_UNITS}|μs|%|)", re.IGNORECASE | re.ASCII)
_LONGEST: Final = 100
_AND: Final = re.compile(r"\s+and\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Margins:
    """How much worse is too much: all that is given has to be reached.

    Attributes:
        relative: as a fraction of the baseline: 1/10.
        absolute: a limit in ms or a plain number, of the difference.
    """

    relative: Fraction | None
    absolute: Limit | None

    def reached(self, worse: Fraction, baseline: Fraction) -> bool:
        """Return whether a number became so much worse that no margin holds it any more.

        Args:
            worse: by how much it became worse, in the unit of `absolute`; below 0: better.
            baseline: what it was, in the same unit.
        """
        if worse <= 0:
            return False
        far = self.relative is None or worse >= self.relative * abs(baseline)
        return far and (self.absolute is None or worse >= self.absolute.value)


def parse_margins(text: str) -> Margins:
    """Return margins such as `"< 10% and < 50 ms"`.

    Raises:
        ValueError: they are not written like that, or one of a kind is there twice.
    """
    relative: list[Fraction] = []
    absolute: list[Limit] = []
    for part in _AND.split(text.strip()) if len(text) <= _LONGEST else [""]:
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError('expected margins such as "< 10% and < 50 ms", or one of them alone')
        number, unit = Fraction(match[1]), match[2]
        if unit == "%":
            relative.append(number / 100)
            continue
        scale = seconds_per(unit)
        kind: Unit = "count" if scale is None else "ms"
        absolute.append(Limit("<", number if scale is None else number * scale * 1000, kind))
    if len(relative) > 1 or len(absolute) > 1:
        raise ValueError(
            'there is one margin in per cent and one in the unit of the metric, as in "< 10% and '
            '< 50 ms"'
        )
    return Margins(*(found[0] if found else None for found in (relative, absolute)))  # type: ignore[arg-type]


def _checked(text: str) -> str:
    parse_margins(text)
    return text


MarginsText = Annotated[
    str,
    AfterValidator(_checked),
    WithJsonSchema({"type": "string", "examples": ["< 10% and < 50 ms", "< 10%"]}),
]
"""Margins kept as written, known to parse."""
