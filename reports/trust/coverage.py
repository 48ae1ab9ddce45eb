"""Coverage: whether every source was heard in the seconds that matter."""

from collections.abc import Iterable, Sequence
from typing import Final

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.silence import Gap
from dress_rehearsal.reports.evidence.timeline import MEASURING
from dress_rehearsal.reports.trust.doubt import UNCOUNTED, Doubt
from dress_rehearsal.reports.words import (
    counted,
    offset,
    seconds,
)

_SAME_NS: Final = 3 * NS_PER_S // 5
_SHOWN: Final = 2
"""Silences of one source whose times are named where there are many."""
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
    """Return a doubt for each source with silences that no fault of the plan's own explains.

    Sources that fell silent together each time, and spoke again together, share a sentence.
    """
    groups = _grouped(gap for gap in evidence.gaps if not gap.is_explained)
    return [_doubt(group, evidence.timeline.zero_ns) for group in groups]


def silence_words(gaps: Iterable[Gap], zero_ns: int) -> str:
    """Return of whom nothing was heard, and when: "the app's worker 12 and Redis from … to …"."""
    *most, last = (_silence(group, zero_ns) for group in _grouped(gaps))
    return f"{', of '.join(most)}, and of {last}" if most else last


def stood_still(evidence: Evidence) -> bool:
    """Return whether the generator itself was silent: nobody knows what it sent late then."""
    return any(
        gap.source.partition(":")[0] == MEASURING and not gap.is_explained for gap in evidence.gaps
    )


def _grouped(gaps: Iterable[Gap]) -> list[list[list[Gap]]]:
    """Return each source's silences, those beside each other that were silent together."""
    silences: dict[str, list[Gap]] = {}
    for gap in gaps:
        silences.setdefault(gap.source, []).append(gap)
    groups: list[list[list[Gap]]] = []
    for own in silences.values():
        together = next((group for group in groups if _are_together(group[0], own)), None)
        if together is None:
            groups.append([own])
        else:
            together.append(own)
    return groups


def _are_together(ones: Sequence[Gap], others: Sequence[Gap]) -> bool:
    return len(ones) == len(others) and all(map(_same, ones, others))


def _same(one: Gap, other: Gap) -> bool:
    return (
        abs(one.from_ns - other.from_ns) <= _SAME_NS
        and abs(one.until_ns - other.until_ns) <= _SAME_NS
    )


def _doubt(group: Sequence[Sequence[Gap]], zero_ns: int) -> Doubt:
    """Return the doubt that sources share."""
    sources = [gaps[0].source for gaps in group]
    return Doubt(
        f"Nothing was heard of {_silence(group, zero_ns)}, so what happened there meanwhile is not "
        f"known.",
        UNCOUNTED if "processes" in sources else "gap",
        is_symptom=True,
    )


def _silence(group: Sequence[Sequence[Gap]], zero_ns: int) -> str:
    """Return which sources were silent together, and when.

    Args:
        group: each source's silences; the first of one is the first of each, and so on.
    """
    spans = [
        (max(gap.from_ns for gap in gaps), min(gap.until_ns for gap in gaps))
        for gaps in zip(*group, strict=True)
    ]
    names = _names([gaps[0].source for gaps in group])
    return f"{_listed(names)} {_times(spans, zero_ns)}"


def _times(spans: Sequence[tuple[int, int]], zero_ns: int) -> str:
    """Return when nothing was heard; of many times the first ones, how many more, and how long."""
    shown = [f"from {_at(from_ns, zero_ns)} to {_at(to_ns, zero_ns)}" for from_ns, to_ns in spans]
    if len(shown) <= _SHOWN + 1:
        return _listed(shown)
    whole_s = sum(to_ns - from_ns for from_ns, to_ns in spans) / NS_PER_S
    more = f"{counted(len(shown) - _SHOWN, 'more time')} until {_at(spans[-1][1], zero_ns)}"
    return f"{_listed([*shown[:_SHOWN], more])} ({seconds(whole_s)} in all)"


def _at(t_ns: int, zero_ns: int) -> str:
    return offset(round((t_ns - zero_ns) / NS_PER_S, 1))


def _names(sources: Sequence[str]) -> list[str]:
    names = []
    for component, words in _SOURCES.items():
        own = [source for source in sources if source.partition(":")[0] == component]
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
