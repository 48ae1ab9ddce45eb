"""Coverage: whether every source was heard in the seconds that matter."""

from collections.abc import Sequence
from typing import Final

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.silence import Gap
from dress_rehearsal.reports.trust.doubt import Doubt
from dress_rehearsal.reports.words import offset

_SAME_NS: Final = 3 * NS_PER_S // 5
_SOURCES: Final = {
    "postgres": "PostgreSQL",
    "redis": "Redis",
    "kernel": "the kernel",
    "processes": "the processes",
    "generator": "the generator",
}
_PROCESSES: Final = {"app": "the app's worker", "writeback": "the write-back"}


def judge_coverage(evidence: Evidence) -> list[Doubt]:
    """Return a doubt for each silence that no fault of the plan's own explains.

    Sources that fell silent together, and spoke again together, share a sentence.
    """
    groups: list[list[Gap]] = []
    for gap in evidence.gaps:
        if gap.planned:
            continue
        same = next((group for group in groups if _same(group[0], gap)), None)
        if same is None:
            groups.append([gap])
        else:
            same.append(gap)
    return [_doubt(group, evidence.timeline.zero_ns) for group in groups]


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
        f"Nothing was heard of {_listed([_words(gap.source) for gap in gaps])} from {since} to "
        f"{until}, so what happened there meanwhile is not known.",
        "gap",
    )


def _words(source: str) -> str:
    component, _, pid = source.partition(":")
    if component in _PROCESSES:
        return f"{_PROCESSES[component]} {pid}" if component == "app" else _PROCESSES[component]
    return _SOURCES.get(source, source)


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
