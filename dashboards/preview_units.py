"""Numbers written as Grafana writes them: scaled, to three digits, with their unit.

The rules are those of `valueFormats.ts`, `dateTimeFormatters.ts` and `displayProcessor.ts` in
https://github.com/grafana/grafana/tree/main/packages/grafana-data/src.
"""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from dress_rehearsal.dashboards.errors import DashboardsError

_SHORT: Final = ("", " K", " Mil", " Bil", " Tri", " Quadr", " Quint", " Sext", " Sept")
_COUNTS: Final = ("", "K", "M", "B", "T")
_BYTES_IEC: Final = (" B", " KiB", " MiB", " GiB", " TiB", " PiB")
_BYTES_SI: Final = (" B", " kB", " MB", " GB", " TB", " PB")
_SECONDS: Final = (
    (1e-6, 1e-9, " ns"),
    (1e-3, 1e-6, " µs"),
    (1, 1e-3, " ms"),
    (60, 1, " s"),
    (3600, 60, " mins"),
    (86_400, 3600, " hours"),
    (604_800, 86_400, " days"),
    (math.inf, 604_800, " weeks"),
)
"""Below the first number, values are divided by the second and end on the third."""


class UnitUnknown(DashboardsError):
    """A panel has a unit that the preview cannot write."""


def written(value: float, unit: str, decimals: int | None = None) -> str:
    """Write a value in a unit by its Grafana id, such as `s` or `percentunit`.

    Args:
        decimals: as the panel sets them; none leaves three digits, without zeros at the end.

    Raises:
        UnitUnknown: the unit is none this preview knows.
    """
    known = _unit(unit)
    if math.isnan(value):
        return "NaN"
    return known(value, decimals)


def is_binary(unit: str) -> bool:
    """Return whether round numbers of this unit are multiples of powers of two."""
    return unit == "bytes"


def is_date(unit: str) -> bool:
    """Return whether values are moments, for which an axis or a share makes no sense."""
    return unit.startswith("dateTime")


def _unit(unit: str) -> Callable[[float, int | None], str]:
    if unit in _UNITS:
        return _UNITS[unit]
    kind, colon, name = unit.partition(":")
    if colon and kind == "suffix":
        return lambda value, decimals: f"{_rounded(value, decimals)} {name.strip()}"
    if colon and kind == "prefix":
        return lambda value, decimals: f"{name}{_rounded(value, decimals)}"
    raise UnitUnknown(
        f"The preview cannot write the unit {unit!r}; it knows {', '.join(sorted(_UNITS))} and "
        f"suffix:… and prefix:…. Use one of these, or add it to dashboards/preview_units.py."
    )


def _rounded(value: float, decimals: int | None) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if decimals is None:
        text = f"{value:.{_decimals_for(value)}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.{max(0, decimals)}f}"


def _decimals_for(value: float) -> int:
    """Return as many decimals as make three digits."""
    if value % 1 == 0:
        return 0
    return max(0, 2 - math.floor(math.log10(abs(value))))


def _plain(value: float, decimals: int | None) -> str:
    return _rounded(value, decimals)


def _grouped(value: float, decimals: int | None) -> str:
    if not math.isfinite(value):
        return _rounded(value, decimals)
    text = f"{value:,.{3 if decimals is None else decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _percent(value: float, decimals: int | None) -> str:
    return f"{_rounded(value, decimals)}%"


def _percent_unit(value: float, decimals: int | None) -> str:
    return f"{_rounded(100 * value, decimals)}%"


def _scaled(
    factor: float, suffixes: Sequence[str], unit: str = ""
) -> Callable[[float, int | None], str]:
    def write(value: float, decimals: int | None) -> str:
        power = 0
        if value and math.isfinite(value):
            power = math.floor(math.log(abs(value), factor) + 1e-12)
        power = min(max(power, 0), len(suffixes) - 1)
        return f"{_rounded(value / factor**power, decimals)}{suffixes[power]}{unit}"

    return write


def _time(one_s: float) -> Callable[[float, int | None], str]:
    def write(value: float, decimals: int | None) -> str:
        seconds = value * one_s
        if seconds == 0:
            return f"{_rounded(0, decimals)} {'s' if one_s == 1 else 'ms'}"
        below = abs(seconds)
        size, suffix = next((size, suffix) for limit, size, suffix in _SECONDS if below < limit)
        return f"{_rounded(seconds / size, decimals)}{suffix}"

    return write


def _moment(value: float, decimals: int | None) -> str:  # noqa: ARG001
    return f"{datetime.fromtimestamp(value / 1e3, UTC):%Y-%m-%d %H:%M:%S}"


_UNITS: Final[dict[str, Callable[[float, int | None], str]]] = {
    "": _plain,
    "none": _plain,
    "locale": _grouped,
    "short": _scaled(1000, _SHORT),
    "percent": _percent,
    "percentunit": _percent_unit,
    "s": _time(1),
    "ms": _time(1e-3),
    "bytes": _scaled(1024, _BYTES_IEC),
    "decbytes": _scaled(1000, _BYTES_SI),
    "reqps": _scaled(1000, _COUNTS, " req/s"),
    "ops": _scaled(1000, _COUNTS, " ops/s"),
    "cps": _scaled(1000, _COUNTS, " c/s"),
    "dateTimeAsIso": _moment,
}
