"""The Plan: one validated TOML says everything about a rehearsal."""

from plans.durations import format_duration, format_share
from plans.errors import PlanError, PlanInvalid
from plans.faults import FAULTS, Fault, FaultKind
from plans.hosts import refusal
from plans.limits import Limit, parse_limit
from plans.matrix import HEALTHY, STRATEGIES, Cell, Matrix, is_matrix, read_matrix
from plans.plan import Gate, Plan
from plans.reading import bundled_plans, plan_schema, plan_toml, read_plan
from plans.roster import Person, read_roster, seeded_people, seeded_roster, write_roster
from plans.slo import slo_edges_s

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
    "PlanInvalid",
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
    "write_roster",
]
