"""Why no cause can be named: nobody looked, or nobody heard of those who were slow."""

from typing import Final

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.cause.slowest import Slowest
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.silence import Gap
from dress_rehearsal.reports.trust.coverage import silence_words
from dress_rehearsal.reports.words import offset

CAUSE: Final = "Cause of slowness"
_WITNESSES: Final = ("kernel", "processes")
"""Sources that fall silent only when nobody collects."""
_UNHEARD_SHARE: Final = 0.1
"""What so much of the slowest requests' time was lost to has to be known."""


def undecided_by(evidence: Evidence) -> str | None:
    """Return why there is no cause to be named, None where there may be.

    Nobody looked while the requests were made, or nobody knows how long they took.
    """
    if evidence.clock_steps:
        return (
            f"{CAUSE}: not decided, for a clock was set, and times before and after do not compare."
        )
    gaps = [gap for gap in evidence.gaps if gap.source in _WITNESSES and not gap.planned]
    if not gaps or evidence.t0_ns is None:
        return None
    longest = max(gaps, key=lambda gap: gap.until_ns - gap.from_ns)
    since, until = (
        offset(round((moment - evidence.t0_ns) / NS_PER_S, 1))
        for moment in (longest.from_ns, longest.until_ns)
    )
    return f"{CAUSE}: not decided, for nothing was measured from {since} to {until}."


def unheard(evidence: Evidence, slow: Slowest) -> str | None:
    """Return why nobody knows what the slowest waited for: their worker said nothing meanwhile.

    A loop that is late, or a pool that is waited for, lengthens whatever a worker awaits, and only
    the worker tells of it. None where it did, or where it is known what had silenced it: the plan's
    own fault, or its container's limit. Whatever else was silent at the same time is named too.
    """
    if evidence.t0_ns is None:
        return None
    silent = [gap for gap in evidence.gaps if not gap.is_explained]
    missed = [gap for gap in silent if _matters(gap, slow)]
    if not missed:
        return None
    named = [
        gap
        for gap in silent
        if any(gap.from_ns < own.until_ns and own.from_ns < gap.until_ns for own in missed)
    ]
    which = "purchases" if slow.buying else f"requests of {slow.step}"
    return (
        f"{CAUSE}: not decided, for nothing was heard of {silence_words(named, evidence.t0_ns)}, "
        f"when the slowest {which} were under way."
    )


def _matters(gap: Gap, slow: Slowest) -> bool:
    """Return whether a worker was silent for much of the time of the slowest requests."""
    component, _, pid = gap.source.partition(":")
    if component != "app":
        return False
    rows = slow.rows
    total = max(float((rows["done_ns"] - rows["sent_ns"]).sum()), 1.0)
    its = rows[rows["worker"].isin([pid, ""])] if pid else rows
    inside = its["done_ns"].clip(upper=gap.until_ns) - its["sent_ns"].clip(lower=gap.from_ns)
    return float(inside.clip(lower=0).sum()) >= _UNHEARD_SHARE * total
