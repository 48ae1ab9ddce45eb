"""What was judged: the verdict, the gates, and what the rehearsal was."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Panel

from dress_rehearsal.dashboards.kit import colours, links
from dress_rehearsal.dashboards.kit.panels import note, sentence, stat, words
from dress_rehearsal.dashboards.kit.promql import last, of_run, or_value
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.table import Column, Key, table
from dress_rehearsal.dashboards.kit.thresholds import Thresholds

NOT_JUDGED: Final = "not judged yet"

_VERDICT: Final = words(
    {
        "0": (NOT_JUDGED, colours.GREY),
        "1": ("pass", colours.OK),
        "2": ("inconclusive", colours.UNKNOWN),
        "3": ("fail", colours.FAILED),
    }
)
_BOUND: Final = words(
    {"at_least": ("at least", colours.UNKNOWN), "none": ("as it is", colours.GREY)}
)
_STATUS: Final = words({word: (word, colour) for word, colour in colours.VERDICTS.items()})


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


def cause_sentence() -> Panel:
    """Return the report's own line on the cause."""
    caused = f"max by (cause) ({last(of_run('rehearsal_cause'))})"
    return sentence(
        "Cause of slowness",
        "In the words of the report, once the rehearsal has been judged: where the "
        "slowest requests lost their time. Until then see what was waited for most so far.",
        Query(or_value(caused, cause=NOT_JUDGED), "{{cause}}"),
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
            "were. *At least*: a lower bound, for requests were given up that took no longer.",
            [
                Key("metric", "Metric"),
                Key("limit", "Limit", width=120),
                Key("status", "Result", width=120, words=_STATUS),
                Key("bound", "Value is", width=100, words=_BOUND),
            ],
            [
                Column(
                    or_value(
                        f"max by (metric, limit, status, bound) ({last(of_run('rehearsal_gate'))})",
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
