"""*Rehearsals*: the index of runs, each with its verdict, its report and its dashboards."""

from typing import Any, Final

from grafana_foundation_sdk.models.dashboard import DashboardLink, Panel

from dress_rehearsal.dashboards.kit import colours, links
from dress_rehearsal.dashboards.kit.dashboard import Section, dashboard_json
from dress_rehearsal.dashboards.kit.panels import bargauge, note, stat, words
from dress_rehearsal.dashboards.kit.promql import BUYING, highest
from dress_rehearsal.dashboards.kit.query import Query
from dress_rehearsal.dashboards.kit.table import Column, Key, table
from dress_rehearsal.dashboards.kit.thresholds import plain, warn_fail

UID: Final = "rehearsal-index"

_STARTED: Final = "rehearsal_started_timestamp_seconds"
_KEYS: Final = "rehearsal, plan, verdict, report"
_JUDGED: Final = 'verdict=~"pass|fail|inconclusive"'
_BEFORE_S: Final = 60
_AFTER_S: Final = 1800


def _known(*matchers: str) -> str:
    chosen = f"{{{','.join(matchers)}}}" if matchers else ""
    return f"max by ({_KEYS}) (last_over_time({_STARTED}{chosen}[$__range]))"


_RUNS: Final = f"({_known(_JUDGED)} or on (rehearsal) {_known()})"
"""One series a run. The same run is told of twice in a window in which it was judged."""


def rehearsals() -> dict[str, Any]:
    """Return the dashboard."""
    verdict = words({word: (word, colour) for word, colour in colours.VERDICTS.items()})
    return dashboard_json(
        UID,
        "Rehearsals",
        "Every rehearsal that is kept, with its verdict; from here to its report and its story.",
        [
            Section(
                "At a glance",
                (
                    stat(
                        "Rehearsals by verdict",
                        "Runs kept in the runs folder, the newest 50.",
                        *(
                            Query(_number_of(verdict), verdict, colour)
                            for verdict, colour in colours.VERDICTS.items()
                        ),
                        limits=plain(colours.SERVER),
                        span=24,
                        named=True,
                    ),
                ),
            ),
            Section(
                "Runs",
                (
                    table(
                        "Index of rehearsals",
                        "The newest first. A run's name opens its dashboards if this data source "
                        "watched it; its report opens where the runs folder is published.",
                        [
                            Key("rehearsal", "Rehearsal", links=(_story(),)),
                            Key("plan", "Plan", width=160),
                            Key("verdict", "Verdict", width=140, words=verdict),
                            Key(
                                "report",
                                "Report",
                                links=(
                                    links.to(
                                        "Open the report",
                                        "${__data.fields.Report}",
                                        new_tab=True,
                                    ),
                                ),
                            ),
                        ],
                        [
                            Column(f"{_RUNS} * 1000", "Began", "dateTimeAsIso", width=180),
                            _hidden(f"({_RUNS} - {_BEFORE_S}) * 1000", "from"),
                            _hidden(f"({_RUNS} + {_AFTER_S}) * 1000", "to"),
                        ],
                        sort="Began",
                        height=9,
                    ),
                ),
            ),
            Section("Side by side", _side_by_side()),
        ],
    )


def _hidden(expr: str, heading: str) -> Column:
    return Column(expr, heading, "none", hidden=True)


def _story() -> DashboardLink:
    return links.to(
        "Open its dashboards",
        "/d/rehearsal-open?var-datasource=${datasource}&var-run=${__data.fields.Rehearsal}"
        "&from=${__data.fields.from.numeric}&to=${__data.fields.to.numeric}",
    )


def _number_of(verdict: str) -> str:
    matcher = f'verdict="{verdict}"'
    return f"count(count by (rehearsal) ({_known(matcher)})) or vector(0)"


def _side_by_side() -> tuple[Panel, ...]:
    latency = "generator_felt_seconds_bucket"
    return (
        bargauge(
            "Purchase, felt p99",
            "Of the runs this data source watched. The colour judges nothing: each plan has its "
            "own limit, and a run's verdict says whether it was kept.",
            Query(
                "histogram_quantile(0.99, sum by (le, run) (max_over_time("
                f"{latency}{{{BUYING}}}[$__range])))",
                "{{run}}",
            ),
            unit="s",
            limits=plain(colours.FELT_P99),
        ),
        bargauge(
            "Longest pool wait, p99",
            "The worst ten seconds of any pool, estimated within a bucket of the histogram. "
            "Orange from 2 s, red from 6 s.",
            Query(
                highest("run_pool:db_client_connection_wait_time_seconds:p99", "max by (run) "),
                "{{run}}",
            ),
            unit="s",
            limits=warn_fail(2, 6),
        ),
        note(
            "How to compare",
            "Two runs compare only on the same machine with the same plan. *Inconclusive* is not "
            "a weak pass: the run was cut short, or the generator was late, or a store could not "
            "be read. Choose the time at the top so that it holds the runs you look for.",
            span=8,
            height=6,
        ),
    )
