"""Panels and queries about students, for more than one dashboard."""

from grafana_foundation_sdk.models.dashboard import Panel

from dashboards import colours
from dashboards.panels import timeseries
from dashboards.promql import of_run
from dashboards.source import Query


def students_by_state() -> Panel:
    """Draw where all students stand, one on the other."""
    return timeseries(
        "Students by state",
        "Every student is in exactly one state, so the sum is always the whole roster.",
        [Query(f"sum by (state) ({of_run('generator_students')})", "{{state}}")],
        unit="locale",
        stacked=True,
        stepped=True,
        colours=colours.STUDENTS,
    )


def students_in(states: str) -> str:
    """Ask how many students are in one of the states, a regular expression."""
    series = of_run("generator_students", f'state=~"{states}"')
    return f"sum({series})"
