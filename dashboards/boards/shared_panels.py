"""Panels and queries of more than one dashboard: where students stand, and what was judged."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Panel

from dress_rehearsal.dashboards.kit import colours, links
from dress_rehearsal.dashboards.kit.panels import note, stat, timeseries, words
from dress_rehearsal.dashboards.kit.promql import last, of_run, or_value
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.table import Column, Key, table
from dress_rehearsal.dashboards.kit.thresholds import JUDGED_ZERO, Thresholds

NOT_JUDGED: Final = "not judged yet"
AUDITED: Final = of_run("rehearsal_audit", 'counter!~"settle.*"')
"""The audit's counters, without the time it took the stores to settle."""

_VERDICT: Final = words(
    {
        "0": (NOT_JUDGED, colours.GREY),
        "1": ("pass", colours.OK),
        "2": ("inconclusive", colours.UNKNOWN),
        "3": ("fail", colours.FAILED),
    }
)
_STATUS: Final = words({word: (word, colour) for word, colour in colours.VERDICTS.items()})


def students_by_state() -> Panel:
    """Draw where all students stand, one on the other."""
    return timeseries(
        "Students by state",
        "Every student is in exactly one state, so the sum is always the whole roster.",
        [Query(f"sum by (state) ({of_run('generator_students')})", "{{state}}")],
        span=12,
        stacked=True,
        stepped=True,
        colours=colours.STUDENTS,
    )


def students_in(states: str) -> str:
    """Ask how many students are in one of the states, a regular expression."""
    series = of_run("generator_students", f'state=~"{states}"')
    return f"sum({series})"


def verdict_stat() -> Panel:
    """Return the verdict, to be seen from afar."""
    verdicts = " or ".join(
        _if_judged(number, word) for number, word in ((1, "pass"), (2, "inconclusive"), (3, "fail"))
    )
    return stat(
        "Verdict",
        "Pass, fail or inconclusive, once the rehearsal is over and has been judged.",
        Query(or_value(f"max({verdicts})"), "verdict"),
        unit="none",
        limits=Thresholds(colours.GREY),
        mappings=[_VERDICT],
        filled=True,
        links=[links.to("Report", "${report}", new_tab=True)],
    )


def wrongs_stat() -> Panel:
    """Return how many wrongs the audit found."""
    return stat(
        "Wrongs found by the audit",
        "Sum of the audit's counters: oversold, duplicates, lost tickets and the like.",
        Query(
            or_value(f"sum({last(AUDITED)})", -1),
            "wrongs",
        ),
        unit="none",
        limits=JUDGED_ZERO,
        mappings=[words({"-1": (NOT_JUDGED, colours.GREY)})],
        links=[links.to_dashboard("Integrity", "rehearsal-integrity")],
    )


def judgement_panels() -> tuple[Panel, ...]:
    """Return the gates, what the rehearsal was, and how to read it."""
    about = ("plan", "stage", "allocation", "waiting_room", "workers")
    return (
        table(
            "This rehearsal",
            "What the plan asked for.",
            [Key(name, name.replace("_", " ").capitalize()) for name in about],
            [
                Column(_with(about, "rehearsal_event_tickets"), "Tickets", width=100),
                Column(_with(about, "rehearsal_event_students"), "Students", width=100),
                Column(
                    f"1000 * {_with(about, 'rehearsal_opens_at_timestamp_seconds')}",
                    "T-0",
                    "dateTimeAsIso",
                    width=180,
                ),
            ],
            sort="Plan",
            span=16,
            height=4,
        ),
        note(
            "How to read this",
            "Marks across all panels: **grey** phases and T-0, **purple** faults, **red** alerts "
            "and broken gates, **green** gates kept. The report judges; this board shows the "
            "same numbers while they come in.",
            span=8,
            height=4,
        ),
        table(
            "Gates",
            "The plan's limits and what was measured against them, once judged. Latencies are in "
            "milliseconds; where a limit is a share of the students, the value is how many they "
            "were.",
            [
                Key("metric", "Metric"),
                Key("limit", "Limit", width=120),
                Key("status", "Result", width=120, words=_STATUS),
            ],
            [
                Column(
                    or_value(
                        f"max by (metric, limit, status) ({last(of_run('rehearsal_gate'))})",
                        metric=NOT_JUDGED,
                    ),
                    "Value (ms for latencies)",
                    width=220,
                )
            ],
            sort="Result",
            descending=False,
            height=18,
        ),
    )


def _if_judged(number: int, word: str) -> str:
    series = of_run("rehearsal_verdict", f'verdict="{word}"')
    return f"{number} * {last(series)}"


def _with(about: tuple[str, ...], metric: str) -> str:
    """Return a number of the rehearsal, with what the plan says about it as labels."""
    info = f"max by ({', '.join(about)}) ({last(of_run('rehearsal_info'))})"
    return f"{info} * on() group_left() max({last(of_run(metric))})"
