"""The latencies a plan's gates set, as edges for histograms: a quantile is exact on an edge."""

import re
from typing import Final

from plans.limits import parse_limit
from plans.plan import Plan

_LATENCY: Final = re.compile(r"latency_ms\[.+\]\.\w+")


def slo_edges_s(plan: Plan) -> tuple[float, ...]:
    """Give every latency that a gate of the plan sets as a limit, in seconds, ascending."""
    limits = (parse_limit(gate.limit) for gate in plan.gates if _LATENCY.fullmatch(gate.metric))
    return tuple(sorted({limit.value / 1e3 for limit in limits if limit.unit == "ms"}))
