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
_AROUND_NS: Final = 5 * NS_PER_S
"""How far from a kill what failed by it may have been sent: requests were under way, and a
container takes its time to be there again."""


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
    """Return what was killed, and why: "a process of app-1 was killed because it needed more than
    its memory limit of 256 MiB"."""
    what = f"a process of {kill.container} was killed because"
    if kill.limit_bytes is None:
        return f"{what} the machine had no memory left"
    limit = memory_size(kill.limit_bytes)
    return f"{what} {kill.container} needed more than its memory limit of {limit}"


def killed_around(evidence: Evidence, from_ns: int, until_ns: int) -> OomKill | None:
    """Return the first kill that what failed between two moments may have come from."""
    around = from_ns - _AROUND_NS, until_ns + _AROUND_NS
    kills = (kill for kill in oom_kills(evidence.samples) if around[0] <= kill.t_ns <= around[1])
    return min(kills, key=lambda kill: kill.t_ns, default=None)


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
    window = at_s - _AROUND_NS / NS_PER_S, at_s
    whose = (kill.container, service_of(kill.container))
    return any(
        fault.name in [f"{_FAULT} {name}" for name in whose] and fault.touches(window)
        for fault in evidence.timeline.faults
    )
