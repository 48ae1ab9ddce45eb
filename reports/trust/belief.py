"""Whether a measurement can be believed, in a sentence: for the first screen and the summary."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.schema import GateResult, Generator, Latency
from dress_rehearsal.reports.words import agreeing, felt, milliseconds, percent, written

DOUBTED: Final = "not wholly"
"""How the answer begins where something speaks against it."""
STANDS: Final = "it would fail as well"
"""Words of the sentence that a run fails whatever is wrong with its measurement."""
_STANDING: Final = re.compile(rf" Without (?:the late sends|this) {STANDS}\b.*$")
_LATE_ALONE: Final = frozenset({"late_sends"})


def belief_words(
    evidence: Evidence, generator: Generator, problems: Sequence[str], stands: str = ""
) -> str:
    """Return the answer to `words.BELIEF`: that it can, and by which numbers, or why not wholly.

    Args:
        problems: what makes the run decide nothing, the gravest first.
        stands: the sentence where the run fails without these as well (`stands_words`).
    """
    if problems:
        more = len(problems) - 1
        also = f" ({written(more)} more on the page)" if more else ""
        return f"{DOUBTED}{also}: {problems[0]}{f' {stands}' if stands else ''}"
    counts = evidence.server_counts
    parts = []
    if generator.released:
        timely = percent(generator.timely, generator.released)
        parts.append(f"{timely} of the clicks at T-0 left in time")
    if generator.late_start_p99_ms is not None:
        late = milliseconds(generator.late_start_p99_ms)
        parts.append(f"99% of requests left at most {late} late")
    if generator.foreign_cpu_cores is not None:
        parts.append(_others_words(generator.foreign_cpu_cores, evidence))
    if not counts.impossible and not any(each.difference for each in counts.tallies.values()):
        parts.append("the server counted the same requests")
    return f"yes: {'; '.join(parts) or 'nothing speaks against it'}."


def stands_words(
    findings: Collection[str], gates: Iterable[GateResult], latency: Mapping[str, Latency]
) -> str:
    """Return that a run fails without what is wrong with its measurement as well, and by which
    number: of a latency the system's part, in which no late send is.

    Args:
        findings: what is wrong, as words.
    """
    told = next(
        (
            f" ({gate.name}: the system's part is {felt(own.system_p99)}, the limit {gate.limit})"
            for gate in gates
            if gate.status == "fail"
            for step, own in latency.items()
            if gate.metric == f"latency_ms[{step}].p99" and own.system_p99 is not None
        ),
        "",
    )
    what = "the late sends" if set(findings) == _LATE_ALONE else "this"
    return f"Without {what} {STANDS}{told}. Limits that only {what} may have broken are undecided."


def doubt_in(belief: str) -> str:
    """Return an answer without what it says of the failure that stands."""
    return _STANDING.sub("", belief)


def _others_words(taken: float, evidence: Evidence) -> str:
    """Return what other programs took, in cores, and whether the plan would have minded."""
    allowed, here = evidence.plan.generator.max_foreign_cpu, evidence.environment.get("cores")
    why = ""
    if here is not None and allowed >= here:
        why = " (the plan lets them take all)"
    elif taken > allowed:
        spare = "but a processor was free whenever they did"
        why = f" (more than the {written(allowed)} allowed, {spare})"
    return f"other programs took at most {written(taken)} {agreeing(taken, 'core')}{why}"
