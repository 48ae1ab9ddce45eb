"""The page's tables as plain rows of words, by subject."""

from dress_rehearsal.reports.page.tables.behaviour import (
    behaviour_table,
    others_off,
    tries_table,
)
from dress_rehearsal.reports.page.tables.counts import counts_table
from dress_rehearsal.reports.page.tables.latency import (
    certainty_table,
    latency_table,
    server_split_table,
)
from dress_rehearsal.reports.page.tables.machinery import (
    generator_table,
    pool_table,
    reconciliation_table,
    undecided_pools,
)
from dress_rehearsal.reports.page.tables.outcome import (
    audit_table,
    census_table,
    fairness_table,
    gates_table,
    not_applicable_table,
)
from dress_rehearsal.reports.page.tables.slowest import parts_tables
from dress_rehearsal.reports.page.tables.suffered import (
    bad_ends_table,
    errors_table,
    group_tables,
)
from dress_rehearsal.reports.page.tables.table import Cell, Table

__all__ = [
    "Cell",
    "Table",
    "audit_table",
    "bad_ends_table",
    "behaviour_table",
    "census_table",
    "certainty_table",
    "counts_table",
    "errors_table",
    "fairness_table",
    "gates_table",
    "generator_table",
    "group_tables",
    "latency_table",
    "not_applicable_table",
    "others_off",
    "parts_tables",
    "pool_table",
    "reconciliation_table",
    "server_split_table",
    "tries_table",
    "undecided_pools",
]
