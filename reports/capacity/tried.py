"""A try: what one run of a search came to, and whose doing it is where it decides nothing."""

from typing import Final

from dress_rehearsal.plans import Plan, parse_limit
from dress_rehearsal.reports.capacity.levels import levels_of
from dress_rehearsal.reports.capacity.schema import CapacityTry
from dress_rehearsal.reports.capacity.standing import Outcome
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import at_least
from dress_rehearsal.reports.evidence.purchase_step import slowest_purchase_step
from dress_rehearsal.reports.metrics import gate_words
from dress_rehearsal.reports.schema import GateResult, Verdict
from dress_rehearsal.reports.throughput import busiest_second
from dress_rehearsal.reports.trust import TrustFinding, judge_trust
from dress_rehearsal.reports.trust.doubt import UNCOUNTED

_DISTURBED: Final = frozenset(
    {"foreign_cpu", "steal", UNCOUNTED, "gap", "clock_step", "clocks_apart", "damage"}
)
"""What can be found of a run that another one need not meet again."""
_BY_LIMITS: Final = frozenset({"aborted", "gates", "load", "unanswered", "unsold"})
"""Words of what a run failed by that another one of the same load may keep."""
_OWN_END: Final = frozenset({"ports", "cpu_limit", "late_sends"})
"""What can be found of a run because it asked for more than can be sent from here."""


def try_of(
    evidence: Evidence,
    verdict: Verdict,
    *,
    step: str | None,
    load: float,
    people: int,
    took_s: float,
) -> CapacityTry:
    """Return what a run came to.

    Args:
        step: whose p99 is told of every load (`watched_step`).
        load: what was tried, in the search's unit; `people` is how many acted.
        took_s: from its beginning until it was judged.
    """
    latency = None if step is None else verdict.latency_ms.get(step)
    bound = latency is not None and at_least(latency, "p99")
    levels = levels_of(evidence)
    answered = evidence.latency["answered"].to_numpy(dtype=bool)
    return CapacityTry(
        run=verdict.run,
        seed=evidence.plan.seed,
        load=load,
        people=people,
        outcome=outcome_of(verdict, judge_trust(evidence)),
        verdict=verdict.verdict,
        reason=verdict.reasons[0],
        cause=verdict.cause,
        broken=first_broken(verdict),
        p99_ms=None if latency is None else latency.p99,
        p99_low=None if latency is None or bound else latency.p99_low,
        p99_high=None if latency is None or at_least(latency, "p99_high") else latency.p99_high,
        p99_at_least=bound,
        tickets_per_s=verdict.sale.tickets_per_s,
        answers_per_s=busiest_second(evidence.requests.loc[answered, "done_ns"]),
        took_s=round(took_s, 1),
        levels=levels.steady,
        not_steady=levels.not_steady,
        doubts=verdict.doubts or (),
    )


def outcome_of(verdict: Verdict, trust: TrustFinding) -> Outcome:
    """Return what a run says of its load.

    What failed by limits may keep them in another run; what failed by more went wrong. What decides
    nothing while others had the CPU, or something was not seen, may decide something next time;
    what decides nothing because the generator was late without that, or was short of ports, will
    not for any larger load.
    """
    if verdict.verdict == "fail":
        return "fail" if _BY_LIMITS.issuperset(verdict.failures or ()) else "wrong"
    if verdict.verdict == "pass":
        return "pass"
    if trust.findings & _DISTURBED:
        return "undecided"
    if verdict.generator.limited or trust.findings & _OWN_END:
        return "limited"
    return "undecided"


def watched_step(plan: Plan, verdict: Verdict) -> str | None:
    """Return the step whose p99 is told of every load: the first that a gate limits p99 of, else
    the one that buys (of several the slowest), else the one most asked; None where nothing was
    asked."""
    limited = gated_p99(plan)
    if limited is not None and limited[0] in verdict.latency_ms:
        return limited[0]
    taken = {step: own for step, own in verdict.latency_ms.items() if own.count}
    bought = slowest_purchase_step(verdict.purchases, taken)
    return bought.step if bought else max(taken, key=lambda step: taken[step].count, default=None)


def gated_p99(plan: Plan) -> tuple[str, float] | None:
    """Return the step that the plan's first gate on a p99 is on, and its limit in ms; None where
    there is no such gate."""
    for gate in plan.gates:
        if gate.limit is None or gate.window is not None:
            continue
        table, _, field = gate.path.rpartition(".")
        limit = parse_limit(gate.limit)
        if table.startswith("latency_ms[") and field == "p99" and limit.unit == "ms":
            return table.removeprefix("latency_ms[").removesuffix("]"), float(limit.value)
    return None


def first_broken(verdict: Verdict) -> str | None:
    """Return the first gate that did not hold, in words; None where all did."""
    for gate in verdict.gates:
        if gate.status == "fail":
            return broken_words(gate, verdict)
    return None


def broken_words(gate: GateResult, verdict: Verdict) -> str:
    """Return a gate that did not hold, with its number and its limit."""
    return f"{gate.name} is {gate_words(gate, verdict)}, the limit is {gate.limit}"
