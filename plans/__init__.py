"""The Plan: one validated TOML says everything about a rehearsal."""

from dress_rehearsal.plans.errors import PlanError, PlanInvalidError
from dress_rehearsal.plans.hosts import refusal
from dress_rehearsal.plans.limits import Limit, parse_limit
from dress_rehearsal.plans.matrix import HEALTHY, Cell, Matrix, is_matrix, read_matrix
from dress_rehearsal.plans.plan import Plan, slo_edges_s, wait_edges_s
from dress_rehearsal.plans.read import as_typed, bundled_plans, plan_schema, plan_toml, read_plan
from dress_rehearsal.plans.roster import (
    Person,
    read_roster,
    seeded_people,
    seeded_roster,
    write_roster,
)
from dress_rehearsal.plans.sections.fault_kinds import FAULTS, FaultKind
from dress_rehearsal.plans.sections.faults import Fault
from dress_rehearsal.plans.sections.gates import Gate
from dress_rehearsal.plans.strategies import STRATEGIES, Strategy
from dress_rehearsal.plans.types import format_duration, format_share

__all__ = [
    "FAULTS",
    "HEALTHY",
    "STRATEGIES",
    "Cell",
    "Fault",
    "FaultKind",
    "Gate",
    "Limit",
    "Matrix",
    "Person",
    "Plan",
    "PlanError",
    "PlanInvalidError",
    "Strategy",
    "as_typed",
    "bundled_plans",
    "format_duration",
    "format_share",
    "is_matrix",
    "parse_limit",
    "plan_schema",
    "plan_toml",
    "read_matrix",
    "read_plan",
    "read_roster",
    "refusal",
    "seeded_people",
    "seeded_roster",
    "slo_edges_s",
    "wait_edges_s",
    "write_roster",
]
