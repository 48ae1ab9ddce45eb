"""Whether a measurement can be believed, in a sentence: for the first screen and the summary."""

from collections.abc import Sequence
from typing import Final

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.schema import Generator
from dress_rehearsal.reports.words import agreeing, milliseconds, percent, written

DOUBTED: Final = "not wholly"
"""How the answer begins where something speaks against it."""
STANDS: Final = (
    "It fails all the same, by what this cannot have done; gates that this may have broken count "
    "as inconclusive."
)


def belief_words(
    evidence: Evidence, generator: Generator, problems: Sequence[str], *, stands: bool = False
) -> str:
    """Return the answer to `words.BELIEF`: that it can, and by which numbers, or why not wholly.

    Args:
        problems: what makes the run decide nothing, the gravest first.
        stands: whether the run fails all the same, by what these cannot have done.
    """
    if problems:
        more = len(problems) - 1
        also = f" ({written(more)} more on the page)" if more else ""
        return f"{DOUBTED}{also}: {problems[0]}{f' {STANDS}' if stands else ''}"
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
