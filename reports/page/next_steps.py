"""What to ask next, and the command that answers it: for the page's first screen."""

import shlex
from collections.abc import Iterable
from typing import Final, NamedTuple

from pydantic import ValidationError

from dress_rehearsal.plans import Plan, as_typed
from dress_rehearsal.records import RunDirectory

_WORKERS: Final = "app.workers"
_MORE_WORKERS: Final = 2


class NextStep(NamedTuple):
    """A question that a report of one run cannot answer, and a command that does."""

    question: str
    command: str


def next_steps(run: RunDirectory, plan: Plan) -> list[NextStep]:
    """Return the questions that come after a run, each with its command as it can be pasted in the
    folder of the runs, but for a plan's file (`PLAN`) and other runs."""
    told = run.environment([]).get("overrides")
    overrides = list(map(str, told if isinstance(told, list) else []))
    named = as_typed(plan, overrides) or "PLAN"
    here = shlex.quote(run.path.resolve().name)
    steps = [
        NextStep("Go or no-go, from all runs so far?", f"rehearse checklist {here} OTHER_RUN …"),
        NextStep("Is it slower than an earlier run?", f"rehearse compare EARLIER_RUN {here}"),
    ]
    if plan.target.ours or plan.target.reset is not None:  # else it cannot be repeated
        again = f"rehearse run {named} --repeat 5"
        steps.append(NextStep("Does it come out so every time?", again))
    workers = plan.app.workers + _MORE_WORKERS
    if not plan.target.ours or not _may_have(plan, workers):
        return steps
    more = f"rehearse plan show {named} --set {_WORKERS}={workers}"
    steps.append(NextStep("What would two more workers do, by reckoning?", more))
    swept = f"rehearse sweep {_without_workers(named, overrides)}"
    both = f"{swept} --over {_WORKERS}={plan.app.workers},{workers}"
    steps.append(NextStep("… and in a rehearsal of each?", both))
    return steps


def _may_have(plan: Plan, workers: int) -> bool:
    """Return whether a plan may have so many workers: their pools have to fit PostgreSQL."""
    document = plan.model_dump(by_alias=True)
    try:
        Plan.model_validate({**document, "app": {**document["app"], "workers": workers}})
    except ValidationError:
        return False
    return True


def _without_workers(named: str, overrides: Iterable[str]) -> str:
    """Return how a command names the plan whose workers are swept, which nothing else may set."""
    for text in overrides:
        if text.partition("=")[0].strip() == _WORKERS:
            named = named.replace(f" --set {shlex.quote(text)}", "")
    return named
