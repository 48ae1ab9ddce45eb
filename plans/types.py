"""What a plan is written of: its tables, and durations and shares as people write them.

A duration is `"20s"`, `"1.5 ms"` or `"2m"` in the file and seconds in the plan; a share is `"30%"`
in the file and a fraction in the plan.
"""

import math
import re
from fractions import Fraction
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    WithJsonSchema,
)

NUMBER: Final = r"[0-9]{1,18}(?:\.[0-9]{1,18})?|\.[0-9]{1,18}"
"""A number as people write it; with more digits it is a slip, and costs time to read."""

SECONDS_PER_UNIT: Final = {
    "us": Fraction(1, 1_000_000),
    "µs": Fraction(1, 1_000_000),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "min": Fraction(60),
    "h": Fraction(3600),
}
"""The units of time, for durations and for limits of gates; capitals and `μ` (mu) are taken too."""

_NUMBER_AND_UNIT: Final = re.compile(rf"\s*({NUMBER})\s*([a-zµμ]+|%)\s*", re.IGNORECASE)


class Section(BaseModel):
    """A table of the plan: unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


Whole = Annotated[int, Strict()]
"""A whole number: `true` is none, and neither are `"5"` and `5.0`."""

Switch = Annotated[bool, Strict()]
"""`true` or `false`, and no word or number that could be meant so."""


def parse_duration(value: Any) -> float:
    """Return the seconds in a written duration such as `"1.5 ms"`.

    Raises:
        ValueError: the value is not a number followed by us, ms, s, m, min or h.
    """
    match = _NUMBER_AND_UNIT.fullmatch(value) if isinstance(value, str) else None
    scale = None if match is None else seconds_per(match[2])
    if match is None or scale is None:
        raise ValueError('expected a duration with its unit, such as "20s", "1.5 ms" or "2m"')
    return float(Fraction(match[1]) * scale)


def seconds_per(unit: str) -> Fraction | None:
    """Return how many seconds a written unit is; None: there is no such unit."""
    return SECONDS_PER_UNIT.get(unit.lower().replace("μ", "µ"))


def format_duration(seconds: float) -> str:
    """Return seconds as the shortest exact duration: 0.15 as `"150ms"`."""
    if seconds == 0:
        return "0s"
    for unit, scale in (("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        count = seconds / scale
        if count >= 1 and math.isclose(count, round(count), rel_tol=1e-9):
            return f"{round(count)}{unit}"
    return f"{seconds!r}s"


def parse_share(value: Any) -> float:
    """Return the fraction in a written share such as `"30%"`.

    Raises:
        ValueError: the value is not a number followed by a per cent sign.
    """
    match = _NUMBER_AND_UNIT.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] != "%":
        raise ValueError('expected a share in per cent, such as "30%"')
    return float(Fraction(match[1]) / 100)


def format_share(fraction: float) -> str:
    """Return a fraction as it is written in per cent: 0.3 as `"30%"`."""
    return f"{float(f'{fraction * 100:.10g}'):g}%"


_DURATION_SCHEMA = {
    "type": "string",
    "pattern": rf"^\s*({NUMBER})\s*({'|'.join(SECONDS_PER_UNIT)})\s*$",
    "examples": ["20s", "1.5 ms", "2m"],
}
_SHARE_SCHEMA = {
    "type": "string",
    "pattern": rf"^\s*({NUMBER})\s*%\s*$",
    "examples": ["30%"],
}

_WEEK_S = 7 * 86_400

Duration = Annotated[
    float,
    Field(ge=0, le=_WEEK_S),
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema(_DURATION_SCHEMA),
]
"""A span of time in seconds, at most a week, written with its unit."""

PositiveDuration = Annotated[
    float,
    Field(gt=0, le=_WEEK_S),
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema(_DURATION_SCHEMA),
]
"""A duration that may not be zero: an interval, or a time-out."""

Share = Annotated[
    float,
    Field(ge=0, le=1),
    BeforeValidator(parse_share),
    PlainSerializer(format_share),
    WithJsonSchema(_SHARE_SCHEMA),
]
"""A fraction between 0 and 1, written in per cent."""

_BYTES_PER_UNIT: Final = {
    "b": 1,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
}
_SIZE: Final = re.compile(rf"\s*({NUMBER})\s*([a-z]+)\s*", re.IGNORECASE)
LEAST_MEMORY_BYTES: Final = 6 * 2**20
"""Docker gives no container less."""


def parse_size(value: Any) -> int:
    """Return the bytes in a written size such as `"1 GiB"` or `"512MiB"`.

    Raises:
        ValueError: the value is not a number followed by KiB, MiB, GiB, KB, MB or GB.
    """
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    scale = None if match is None else _BYTES_PER_UNIT.get(match[2].lower())
    if match is None or scale is None:
        raise ValueError('expected a size with its unit, such as "1 GiB" or "512 MiB"')
    return int(Fraction(match[1]) * scale)


def format_size(count: int) -> str:
    """Return bytes as the shortest exact size: 1073741824 as `"1 GiB"`."""
    for unit in ("GiB", "MiB", "KiB"):
        scale = _BYTES_PER_UNIT[unit.lower()]
        if count >= scale and count % scale == 0:
            return f"{count // scale} {unit}"
    return f"{count} B"


Size = Annotated[
    int,
    Field(ge=LEAST_MEMORY_BYTES, le=2**50),
    BeforeValidator(parse_size),
    PlainSerializer(format_size),
    WithJsonSchema({"type": "string", "examples": ["1 GiB", "512 MiB"]}),
]
"""A number of bytes, written with its unit."""
