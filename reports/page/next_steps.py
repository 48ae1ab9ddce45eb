"""What to ask next, and the command that answers it: for the page's first screen."""

from typing import NamedTuple

from dress_rehearsal.plans import Plan, as_typed
from dress_rehearsal.records import RunDirectory

_MORE_WORKERS = 2


class NextStep(NamedTuple):
    """A question that a report of one run cannot answer, and a command that does."""

    question: str
    command: str


def next_steps(run: RunDirectory, plan: Plan) -> list[NextStep]:
    """Return the questions that come after a run, each with its command as it can be pasted but for
    a plan's file (`PLAN`) and other runs."""
    overrides = run.environment([]).get("overrides")
    named = as_typed(plan, map(str, overrides if isinstance(overrides, list) else [])) or "PLAN"
    here = run.path.name
    steps = [
        NextStep("Go or no-go, from all runs so far?", f"rehearse checklist {here} OTHER_RUN …"),
        NextStep("Is it slower than an earlier run?", f"rehearse compare EARLIER_RUN {here}"),
    ]
    if plan.target.ours or plan.target.reset is not None:  # else it cannot be repeated
        again = f"rehearse run {named} --repeat 5"
        steps.append(NextStep("Does it come out so every time?", again))
    if plan.target.ours:
        workers = plan.app.workers + _MORE_WORKERS
        more = f"rehearse plan show {named} --set app.workers={workers}"
        both = f"rehearse sweep {named} --over app.workers={plan.app.workers},{workers}"
        steps += [
            NextStep("What would two more workers do, by reckoning?", more),
            NextStep("… and in a rehearsal of each?", both),
        ]
    return steps
