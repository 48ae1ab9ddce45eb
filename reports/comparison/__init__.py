"""The comparison: runs, or repeats of them, beside each other, and whether one side is worse.

It is made of what runs left behind (`verdict.json`, `plan.toml`, `environment.json`), so that
yesterday's build can be compared with today's from a few kilobytes each.
"""

from dress_rehearsal.reports.comparison.compare import check_comparable, compare
from dress_rehearsal.reports.comparison.output import (
    beside,
    comparison_figure,
    headline,
    number_table,
    overview,
    write_comparison,
)
from dress_rehearsal.reports.comparison.schema import Comparison
from dress_rehearsal.reports.comparison.sides import Side, read_sides, refuse_twice, side_of

__all__ = [
    "Comparison",
    "Side",
    "beside",
    "check_comparable",
    "compare",
    "comparison_figure",
    "headline",
    "number_table",
    "overview",
    "read_sides",
    "refuse_twice",
    "side_of",
    "write_comparison",
]
