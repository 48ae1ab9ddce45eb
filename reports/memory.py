"""Memory: what was killed because a container needed more than its limit, and who came near it."""

from collections.abc import Iterator
from typing import Final

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.containers import (
    OomKill,
    memory_peaks,
    oom_kills,
    service_of,
)
from dress_rehearsal.reports.words import capitalized, counted, memory_size, offset, percent

_NEAR: Final = 0.9
"""From this share of its limit on it is worth a word, and no more than that."""
_FAULT: Final = "memory_limit"
_SEEN_WITHIN_NS: Final = 5 * NS_PER_S
"""How long after a fault it may still be seen what it killed."""


def killed_for_memory(evidence: Evidence, *, planned: bool) -> Iterator[str]:
    """Yield a sentence a container of which something was killed, by the plan's own fault or not.

    Several kills of one container share a sentence.
    """
    first: dict[str, OomKill] = {}
    for kill in oom_kills(evidence.samples):
        if _was_planned(evidence, kill) == planned:
            known = first.get(kill.container, kill._replace(number=0))
            first[kill.container] = known._replace(number=known.number + kill.number)
    for kill in first.values():
        when = offset(round((kill.t_ns - evidence.timeline.zero_ns) / NS_PER_S, 1))
        more = (
            "" if kill.number == 1 else f"; {counted(kill.number, 'process', 'processes')} in all"
        )
        yield f"Out of memory: {kill_words(kill)}, at {when}{more}."


def kill_words(kill: OomKill) -> str:
    """Return what was killed, and why: "a process of app-1 was killed because app-1 needed more
    than its memory limit of 256 MiB"."""
    what = f"a process of {kill.container} was killed because"
    limit = "" if kill.limit_bytes is None else memory_size(kill.limit_bytes)
    match kill.ran_out:
        case "limit":
            return f"{what} {kill.container} needed more than its memory limit of {limit}"
        case "machine":
            own = f", not its own limit of {limit}" if limit else ""
            return f"{what} the whole machine had no memory left{own}"
        case _:
            return (
                f"{what} memory had run out: its limit of {limit} or the whole machine's, which "
                f"nobody can tell apart"
            )


def memory_notes(evidence: Evidence) -> Iterator[str]:
    """Yield a sentence for each container that came near its limit, and lost nothing by it."""
    killed = {kill.container for kill in oom_kills(evidence.samples)}
    for container, used, limit in memory_peaks(evidence.samples):
        if used >= _NEAR * limit and container not in killed:
            share = percent(round(used / limit, 3))
            yield (
                f"{capitalized(container)} needed {memory_size(used)} of memory at most, "
                f"{share} of its limit of {memory_size(limit)}."
            )


def _was_planned(evidence: Evidence, kill: OomKill) -> bool:
    at_s = (kill.t_ns - evidence.timeline.zero_ns) / NS_PER_S
    window = at_s - _SEEN_WITHIN_NS / NS_PER_S, at_s
    names = [f"{_FAULT} {kill.container}"]
    service = service_of(kill.container)
    if kill.container == f"{service}-1":  # of several containers a fault means the first
        names.append(f"{_FAULT} {service}")
    return any(fault.name in names and fault.touches(window) for fault in evidence.timeline.faults)
