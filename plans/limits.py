"""A gate's limit as people write it: a comparison, a number and its unit."""

import operator
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, WithJsonSchema

Unit = Literal["count", "ms", "share"]
"""What a limit's number is: a plain count, milliseconds, or a fraction."""

_LIMIT = re.compile(r"\s*(<=|<|>=|>|==)\s*(-?\d+(?:\.\d+)?)\s*(us|ms|s|m|%|)\s*")
_COMPARE = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
    "==": operator.eq,
}
_MS_PER_UNIT = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True, slots=True)
class Limit:
    """A parsed limit: `value` is in milliseconds, a fraction or a plain count, as `unit` says."""

    comparison: Literal["<=", "<", ">=", ">", "=="]
    value: float
    unit: Unit

    def holds(self, measured: float) -> bool:
        """Return whether `measured`, in this limit's unit, is within the limit."""
        return bool(_COMPARE[self.comparison](measured, self.value))


def parse_limit(text: str) -> Limit:
    """Return a limit such as `"<= 3s"`, its time in milliseconds, its per cent as a fraction.

    Raises:
        ValueError: the text is not a comparison followed by a number and a known unit.
    """
    match = _LIMIT.fullmatch(text)
    if match is None:
        raise ValueError('expected a limit such as "<= 3s", "== 0" or "<= 1%"')
    comparison: Any = match[1]
    number, unit = float(match[2]), match[3]
    if unit == "%":
        return Limit(comparison, number / 100, "share")
    if unit:
        return Limit(comparison, number * _MS_PER_UNIT[unit], "ms")
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
