"""Which way a number of the verdict becomes worse, and what margins it may have.

A latency is worse when it is more, tickets a second when they are fewer; more requests, or an
earlier saturation, are neither by themselves.
"""

from typing import Final, Literal

from dress_rehearsal.plans.sections.margins import Margins

Worse = Literal["more", "less"]

BEGINNINGS: Final = ("saturated_at_s", "saturated_in_rush_s", "since_s")
"""Fields that say when something saturated, from T-0: of what was measured, null means never."""

_WORSE_WHEN_LESS: Final = frozenset(
    {"sale.tickets_per_s", "census.ticket", "generator.timely_share", "fairness.kendall_tau"}
)
_NEITHER: Final = frozenset(
    {
        *(f"census.{word}" for word in ("students", "sold_out", "refused", "never_started")),
        "sale.granted",
        "load.busiest_second",
        "load.requests",
        *(f"fairness.{word}" for word in ("uncertainty_s", "within_s", "multi_device_advantage")),
        *(f"generator.{word}" for word in ("requests", "released", "timely")),
        *(f"bottleneck.{word}" for word in ("share", "certainty", "until_s")),
        "machine.calculation_ms",
    }
)
_NEITHER_OF_ANY: Final = frozenset(
    {"count", "students", "max", "wait_p99_low_ms", "wait_p99_high_ms", *BEGINNINGS}
)
"""Fields of tables with several rows that say how many there were, or what there is."""


COUNTS_OF_LATENCY: Final = ("count", "failed", "given_up")
"""What a step's latency has besides times."""


def unit_of(path: str) -> str:
    """Return the unit that a metric's number is kept in: ms, s, /s, or none for a plain number."""
    table, _, field = path.rpartition(".")
    if field.endswith("_s"):
        return "/s" if field.endswith("_per_s") else "s"
    felt = table.startswith("latency_ms[") and field not in COUNTS_OF_LATENCY
    return "ms" if felt or field.endswith("_ms") else ""


def worse_when(path: str) -> Worse | None:
    """Return whether more or less of a metric is worse; None where neither is."""
    if path in _WORSE_WHEN_LESS:
        return "less"
    field = path.rpartition(".")[2]
    neither = path in _NEITHER or (field in _NEITHER_OF_ANY and not path.startswith("latency_ms["))
    return None if neither or field in BEGINNINGS or path.endswith("].count") else "more"


def wrong_margins(path: str, margins: Margins) -> str | None:
    """Return what keeps a metric from having such margins, as the end of a sentence; else None."""
    if worse_when(path) is None:
        return "worse neither when it is more nor when it is less: give it a limit instead."
    if margins.absolute is None:
        return None
    if unit_of(path) in ("ms", "s"):
        bare_zero = margins.absolute.unit == "count" and margins.absolute.value == 0
        if margins.absolute.unit != "ms" and not bare_zero:
            return 'a time: write the margin as in "< 50 ms".'
    elif margins.absolute.unit == "ms":
        return 'no time: write the margin without a unit, such as "< 5", or in per cent.'
    return None
