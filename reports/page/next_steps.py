"""What to ask next, and the command that answers it: for the page's first screen."""

import shlex
from collections.abc import Iterable
from typing import Final, NamedTuple

from pydantic import ValidationError

from dress_rehearsal.plans import Plan, as_typed
from dress_rehearsal.plans.notes import unwaited_pool
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.reports.doubts import disturbance_words
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.words import resource_words

_LEFT_LATE: Final = "requests left late"
_SENT_LATE: Final = "its requests were sent late"
"""A doubt, and how a sentence about the run says it."""
_WORKERS: Final = "workers"
_MORE_WORKERS: Final = 2
_POOLS: Final = {"postgres": "postgres_pool", "redis": "redis_pool"}
"""Pools whose size is a key of the plan's table `app`, and which."""


class NextStep(NamedTuple):
    """A question that a report of one run cannot answer, a command that does, and what is known of
    the answer; empty where nothing is."""

    question: str
    command: str
    note: str = ""


def next_steps(run: RunDirectory, plan: Plan, verdict: Verdict) -> list[NextStep]:
    """Return the questions that come after a run, each with its command as it can be pasted in the
    folder of the runs, but for a plan's file (`PLAN`) and other runs."""
    told = run.environment([]).get("overrides")
    overrides = list(map(str, told if isinstance(told, list) else []))
    named = as_typed(plan, overrides) or "PLAN"
    here = shlex.quote(run.path.resolve().name)
    compared = f"rehearse compare EARLIER_RUN {here}"
    steps = [
        NextStep("Go or no-go, from all runs so far?", f"rehearse checklist {here} OTHER_RUN …"),
        NextStep("Is it slower than an earlier run?", compared, _doubted(verdict)),
    ]
    if plan.target.ours or plan.target.reset is not None:  # else it cannot be repeated
        again = f"rehearse run {named} --repeat 5"
        steps.append(NextStep("Does it come out so every time?", again))
    if not plan.target.ours:
        return steps
    short = verdict.bottleneck is not None and verdict.bottleneck.resource == "cpu"
    return [
        *steps,
        *_more_workers(plan, named, overrides, short_of_cpu=short),
        *_pool_size(plan, named, overrides, verdict, short_of_cpu=short),
    ]


def _doubted(verdict: Verdict) -> str:
    """Return what a comparison makes of a run whose measurement is doubted."""
    if not (why := disturbance_words(verdict.doubts or ())):
        return ""
    why = why.replace(_LEFT_LATE, _SENT_LATE)
    return f"A comparison with this run will mostly end undecided, because {why}."


def _more_workers(
    plan: Plan, named: str, overrides: Iterable[str], *, short_of_cpu: bool
) -> list[NextStep]:
    """Return how to try two workers more, where the plan may have them."""
    now, workers = plan.app.workers, plan.app.workers + _MORE_WORKERS
    if not _may_have(plan, _WORKERS, workers):
        return []
    note = (
        "All CPUs of this machine were busy, so two more cannot help there; that says nothing of a "
        "larger machine."
    )
    more = f"rehearse plan show {named} --set app.{_WORKERS}={workers}"
    swept = _swept(named, overrides, _WORKERS, (now, workers))
    return [
        NextStep(
            "What would two more workers do, by calculation?", more, note if short_of_cpu else ""
        ),
        NextStep("… and in a rehearsal of each?", swept),
    ]


def _pool_size(
    plan: Plan, named: str, overrides: Iterable[str], verdict: Verdict, *, short_of_cpu: bool
) -> list[NextStep]:
    """Return how to try other sizes of the pool that was waited for first, where buying waits for
    it and its size is a key of the plan; half and twice as many, as far as the plan may have so
    many."""
    waited = {
        pool.name: pool.saturated_at_s
        for pool in verdict.pools
        if pool.saturated_at_s is not None
        and pool.name in _POOLS
        and unwaited_pool(plan, f"app.{_POOLS[pool.name]}") is None
    }
    cause = verdict.bottleneck.resource if verdict.bottleneck is not None else ""
    name = cause if cause in waited else min(waited, key=lambda pool: waited[pool], default=None)
    if name is None:
        return []
    key = _POOLS[name]
    now = int(getattr(plan.app, key))
    sizes = [size for size in (now // 2, now, 2 * now) if _may_have(plan, key, size)]
    if len(sizes) < 2:
        return []
    note = (
        "While all CPUs are busy, a larger pool only moves the waiting to the CPU. Try pool sizes "
        "on a machine with free CPU."
    )
    return [
        NextStep(
            f"Which size for {resource_words(name)}, of each worker?",
            _swept(named, overrides, key, sizes),
            note if short_of_cpu else "",
        )
    ]


def _may_have(plan: Plan, key: str, value: int) -> bool:
    """Return whether a plan may have such a value for a key of `app`: the pools of all workers have
    to fit PostgreSQL, say."""
    document = plan.model_dump(by_alias=True)
    try:
        Plan.model_validate({**document, "app": {**document["app"], key: value}})
    except ValidationError:
        return False
    return True


def _swept(named: str, overrides: Iterable[str], key: str, values: Iterable[int]) -> str:
    """Return the command that sweeps a key of `app`, which nothing else of it may set."""
    for text in overrides:
        if text.partition("=")[0].strip() == f"app.{key}":
            named = named.replace(f" --set {shlex.quote(text)}", "")
    return f"rehearse sweep {named} --over app.{key}={','.join(map(str, values))}"
