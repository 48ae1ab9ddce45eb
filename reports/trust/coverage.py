"""Coverage: whether every source was heard in the seconds that matter."""

from collections.abc import Sequence
from typing import Final

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.silence import Gap
from dress_rehearsal.reports.evidence.timeline import MEASURING
from dress_rehearsal.reports.trust.doubt import UNCOUNTED, Doubt
from dress_rehearsal.reports.words import offset

_SAME_NS: Final = 3 * NS_PER_S // 5
_SOURCES: Final = {
    "postgres": "PostgreSQL",
    "redis": "Redis",
    "app": "the app's worker",
    "writeback": "the write-back",
    "kernel": "the kernel",
    "processes": "the processes",
    "containers": "the containers",
    "generator": "the generator",
}
"""Sources as people call them, in the order in which they are named."""


def judge_coverage(evidence: Evidence) -> list[Doubt]:
    """Return a doubt for each silence that no fault of the plan's own explains.

    Sources that fell silent together, and spoke again together, share a sentence.
    """
    groups: list[list[Gap]] = []
    for gap in evidence.gaps:
        if gap.is_explained:
            continue
        same = next((group for group in groups if _same(group[0], gap)), None)
        if same is None:
            groups.append([gap])
        else:
            same.append(gap)
    return [_doubt(group, evidence.timeline.zero_ns) for group in groups]


def stood_still(evidence: Evidence) -> bool:
    """Return whether the generator itself was silent: nobody knows what it sent late then."""
    return any(
        gap.source.partition(":")[0] == MEASURING and not gap.is_explained for gap in evidence.gaps
    )


def _same(one: Gap, other: Gap) -> bool:
    return (
        abs(one.from_ns - other.from_ns) <= _SAME_NS
        and abs(one.until_ns - other.until_ns) <= _SAME_NS
    )


def _doubt(gaps: Sequence[Gap], zero_ns: int) -> Doubt:
    from_ns = max(gap.from_ns for gap in gaps)
    until_ns = min(gap.until_ns for gap in gaps)
    since, until = (offset(round((t_ns - zero_ns) / NS_PER_S, 1)) for t_ns in (from_ns, until_ns))
    return Doubt(
        f"Nothing was heard of {_listed(_names(gaps))} from {since} to {until}, so what happened "
        f"there meanwhile is not known.",
        UNCOUNTED if any(gap.source == "processes" for gap in gaps) else "gap",
        is_symptom=True,
    )


def _names(gaps: Sequence[Gap]) -> list[str]:
    names = []
    for component, words in _SOURCES.items():
        own = [gap.source for gap in gaps if gap.source.partition(":")[0] == component]
        if len(own) > 1:
            names.append(f"{len(own)} of {words}s")
        elif own:
            pid = own[0].partition(":")[2]
            one = f"{words} {pid}" if pid else f"{words}s"  # without a pid: none of them spoke
            names.append(one if component == "app" else words)
    return names


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
