"""A gate's limit as people write it: a comparison, a number and its unit, kept exactly.

Numbers are fractions and never floats: 2.8% of 250 students are 7 of them, to the last digit, and
a limit says the same whichever unit it is written in.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, WithJsonSchema

from dress_rehearsal.plans.types import NUMBER, SECONDS_PER_UNIT, seconds_per

Unit = Literal["count", "ms", "share"]
"""What a limit's number is: a plain count, milliseconds, or a fraction."""

Comparison = Literal["<=", "<", ">=", ">", "=="]

_UNITS: Final = "|".join(sorted(SECONDS_PER_UNIT, key=len, reverse=True))
_LIMIT: Final = re.compile(
    rf"\s*(<=|<|>=|>|==)\s*(-?(?:{NUMBER}))\s*({_UNITS}|μs|%|)\s*", re.IGNORECASE | re.ASCII
)
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
    "==": operator.eq,
}


@dataclass(frozen=True, slots=True)
class Limit:
    """A parsed limit: `value` is in milliseconds, a fraction or a plain count, as `unit` says."""

    comparison: Comparison
    value: Fraction
    unit: Unit

    def holds(self, measured: Fraction | float) -> bool:
        """Return whether `measured`, in this limit's unit, is within the limit.

        Args:
            measured: exact; the only float that belongs here is infinity, for "never".
        """
        return bool(_COMPARE[self.comparison](measured, self.value))

    def beyond(self, least: Fraction | int | None, most: Fraction | int | None) -> bool:
        """Return whether no number from `least` to `most` lies at this limit: it makes no sense.

        `< 0` is beyond what begins at 0, for nothing can be within it; None: there is no end.
        """
        below = least is not None and (self.comparison, self.value) == ("<", least)
        above = most is not None and (self.comparison, self.value) == (">", most)
        short = least is not None and self.value < least
        return below or above or short or (most is not None and self.value > most)


def parse_limit(text: str) -> Limit:
    """Return a limit such as `"<= 3s"`, its time in milliseconds, its per cent as a fraction.

    Raises:
        ValueError: the text is not a comparison followed by a number and a known unit, or the
            number is a share that nothing can be.
    """
    match = _LIMIT.fullmatch(text)
    if match is None:
        raise ValueError('expected a limit such as "<= 3s", "== 0" or "<= 1%"')
    comparison: Any = match[1]
    number, unit = Fraction(match[2]), match[3]
    if unit == "%":
        limit = Limit(comparison, number / 100, "share")
        if limit.beyond(0, 1):
            raise ValueError("a share lies between 0% and 100%, so this limit makes no sense")
        return limit
    scale = seconds_per(unit)
    if scale is not None:
        return Limit(comparison, number * scale * 1000, "ms")
    return Limit(comparison, number, "count")


def _checked(text: str) -> str:
    parse_limit(text)
    return text


LimitText = Annotated[
    str,
    AfterValidator(_checked),
    WithJsonSchema({"type": "string", "pattern": f"^{_LIMIT.pattern}$", "examples": ["<= 3s"]}),
]
"""A limit kept as written, known to parse."""
