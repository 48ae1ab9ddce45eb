"""Colours with a meaning, the same on every dashboard and legible on a light and a dark one."""

from typing import Final

OK: Final = "#009e73"
REFUSED: Final = "#56b4e9"
FAILED: Final = "#d03238"
UNKNOWN: Final = "#e69f00"

GREY: Final = "#8e959e"
FAINT: Final = "#b9bec5"
FAULT: Final = "#8250df"
LIMIT: Final = "#d03238"
WARNING: Final = "#e69f00"

# One hue for what students felt, another for what the server says of itself.
FELT_P99: Final = "#a352cc"
SERVER: Final = "#3274d9"
REDIS: Final = "#c15c17"
POSTGRES: Final = "#3274d9"

OUTCOMES: Final = {
    "ok": OK,
    "refused": REFUSED,
    "abandoned": FAINT,
    "failed": FAILED,
    "unknown": UNKNOWN,
}

STUDENTS: Final = {
    "ticket": OK,
    "sold_out": "#1f78c1",
    "refused": REFUSED,
    "gave_up": "#cc79a7",
    "failed": FAILED,
    "unknown": UNKNOWN,
    "in_flight": "#f2dc6b",
    "never_started": FAINT,
}

VERDICTS: Final = {"pass": OK, "inconclusive": UNKNOWN, "fail": FAILED}
