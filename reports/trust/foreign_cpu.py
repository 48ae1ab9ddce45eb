"""Other programs' CPU: how much of the machine was not the rehearsal's around T-0.

It harms only where there was no processor to spare: where others took more than the plan allows in
the same second in which nearly all processors were busy, over the second or for half a one on end.
What the host gave to other machines (steal) is told apart, and decides nothing. Seconds that nobody
counted are no quiet ones: they are a doubt, and so is a run in which nothing was counted at all,
but where the plan lets others take whatever the machine has.
"""

import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.clocks import set_forward_ns
from dress_rehearsal.reports.numbers import rounded
from dress_rehearsal.reports.trust.doubt import UNCOUNTED, Doubt
from dress_rehearsal.reports.words import agreeing, offset, written

SPARE: Final = 0.1
"""Less of the machine idle than this is no processor to spare."""
_SECOND_NS: Final = 9 * NS_PER_S // 10
"""What counts as a second: samples come once in one, give or take."""
_AFTER_T0_NS: Final = 10 * NS_PER_S
_INSIDE_NS: Final = NS_PER_S // 4
_COUNTED_EVERY_S: Final = 1.0
"""A count comes so often, or as often as the collectors read."""
_OVERDUE_S: Final = 1.5
"""A count that comes later than this after its time left seconds out."""
_UNKNOWN: Final = "What other programs took of the CPU was not measured"


class ForeignCpu(NamedTuple):
    """The most cores that others took over a second around T-0 (None: not measured), and why that
    makes the run decide nothing if it does; `stolen`: that the host took more than may be, as a
    sentence; None where it did not."""

    cores: float | None
    doubts: tuple[Doubt, ...]
    notes: tuple[str, ...]
    stolen: str | None = None


class _Second(NamedTuple):
    from_ns: int
    until_ns: int
    foreign: float
    steal: float
    idle: float
    """All three in cores."""


def judge_foreign_cpu(evidence: Evidence) -> ForeignCpu:
    """Return what others took of the machine, held against `generator.max_foreign_cpu`."""
    around_ns = _around_t0(evidence)
    if around_ns is None:
        return ForeignCpu(None, (), ())
    seconds = list(_seconds(evidence, around_ns))
    allowed = evidence.plan.generator.max_foreign_cpu
    if not seconds:
        if allowed >= (evidence.environment.get("cores") or math.inf):
            return ForeignCpu(None, (), (f"{_UNKNOWN}.",))
        return ForeignCpu(None, tuple(_unknown(evidence)), ())
    cpus = _cpus(evidence)
    used = evidence.samples.named("machine_cpu_used_ratio", "kernel")
    times, full = used["t_ns"].to_numpy(), used["value"].to_numpy() > 1 - SPARE
    busy = [second for second in seconds if not _has_spare(second, cpus, times, full)]
    foreign = max((second.foreign for second in busy), default=0.0)
    steal = max((second.steal for second in busy), default=0.0)
    doubts, stolen = [], None
    if allowed >= cpus:
        allowed = math.inf  # counts of a second may come to more than there are
    else:
        doubts += _uncounted(evidence, around_ns)
    most = max(second.foreign for second in seconds)
    if foreign > allowed:
        took = f"{_cores(most)} of {written(cpus)} {agreeing(cpus, 'core')}"
        if _cores(most) != _cores(foreign):
            took += f" ({_cores(foreign)} of them while no processor was to spare)"
        when = "around T-0" if evidence.plan.load is None else "meanwhile"
        doubts.append(
            Doubt(
                f"Other programs took up to {took} {when}, so what was slow may be their doing: "
                f"stop them (`rehearse doctor` names them) and rehearse again.",
                "foreign_cpu",
                f"other programs took up to {took} meanwhile",
            )
        )
    if steal > allowed:
        stolen = (
            f"The host gave {_cores(steal)} of {written(cpus)} {agreeing(cpus, 'core')} to other "
            f"machines {'around T-0' if evidence.plan.load is None else 'meanwhile'} "
            f"(steal), so what was slow may be its doing."
        )
    return ForeignCpu(rounded(most, 2), tuple(doubts), (), stolen)


def _around_t0(evidence: Evidence) -> tuple[int, int] | None:
    """Return from when until when others' CPU matters, in Unix ns; None without a T-0."""
    if evidence.t0_ns is None or evidence.decisive_ns is None:
        return None
    begin_ns, last_ns = evidence.decisive_ns
    if evidence.plan.load is not None:
        return begin_ns, last_ns
    return begin_ns, min(last_ns, evidence.t0_ns + _AFTER_T0_NS)


def _unknown(evidence: Evidence) -> list[Doubt]:
    """Return a doubt where nothing was counted, unless nothing at all was heard of the processes.

    Then that says why (`judge_coverage`).
    """
    if any(gap.source == "processes" for gap in evidence.gaps):
        return []
    when = "around T-0" if evidence.plan.load is None else "meanwhile"
    said = f"{_UNKNOWN} {when}, so what was slow may be their doing."
    return [Doubt(said, UNCOUNTED, is_symptom=True)]


def _uncounted(evidence: Evidence, around_ns: tuple[int, int]) -> list[Doubt]:
    """Return a doubt where for seconds around T-0 nobody counted what others took.

    Where nothing at all was heard of the processes meanwhile, that is a doubt of its own.
    """
    silent = [gap for gap in evidence.gaps if gap.source == "processes"]
    times = evidence.samples.named("machine_foreign_cpu_seconds_total", "processes")["t_ns"]
    begin_ns, end_ns = around_ns
    marks = np.array([begin_ns, *times[times.between(begin_ns, end_ns)], end_ns], dtype=np.int64)
    found = []
    every_s = max(_COUNTED_EVERY_S, evidence.plan.collect.interval)
    for from_ns, until_ns in zip(marks[:-1].tolist(), marks[1:].tolist(), strict=True):
        length_ns = until_ns - from_ns - set_forward_ns(evidence.clock_steps, from_ns, until_ns)
        if length_ns < (every_s + _OVERDUE_S) * NS_PER_S:
            continue
        if any(gap.from_ns < until_ns and gap.until_ns > from_ns for gap in silent):
            continue
        since, until = (
            offset(round((mark - evidence.timeline.zero_ns) / NS_PER_S, 1))
            for mark in (from_ns, until_ns)
        )
        said = f"What other programs took of the CPU was not counted from {since} to {until}, so "
        said += "what was slow then may be their doing."
        found.append(Doubt(said, UNCOUNTED, is_symptom=True))
    return found


def _seconds(evidence: Evidence, around_ns: tuple[int, int]) -> Iterator[_Second]:
    """Return the machine's seconds around T-0, as far as they were measured."""
    begin_ns, end_ns = around_ns
    series = [
        evidence.samples.named(f"machine_{what}_seconds_total", "processes")
        for what in ("foreign_cpu", "cpu_steal", "cpu_idle")
    ]
    if len({len(rows) for rows in series}) > 1:
        return  # one of them was not recorded
    times = series[0]["t_ns"].to_numpy()
    values: Any = [rows["value"].to_numpy() for rows in series]
    for first in range(len(times)):
        last = int(np.searchsorted(times, times[first] + _SECOND_NS))
        if last == len(times):
            return
        from_ns, until_ns = int(times[first]), int(times[last])
        if min(until_ns, end_ns) - max(from_ns, begin_ns) >= _INSIDE_NS:
            length_s = (until_ns - from_ns) / NS_PER_S
            foreign, steal, idle = ((each[last] - each[first]) / length_s for each in values)
            yield _Second(from_ns, until_ns, float(foreign), float(steal), float(idle))


def _cpus(evidence: Evidence) -> float:
    return float(evidence.samples.named("machine_cpus", "processes")["value"].max())


def _has_spare(second: _Second, cpus: float, times: Any, full: Any) -> bool:
    """Return whether a processor was free all through a second.

    Args:
        times: of the samples of the machine's use, Unix ns; `full`: which had none to spare.
    """
    if second.idle < SPARE * cpus:
        return False
    # A sample tells of the time since the one before: the first within is partly of before.
    within = full[(times > second.from_ns) & (times <= second.until_ns)]
    return not bool((within[1:] & within[:-1]).any())


def _cores(cores: float) -> str:
    return written(rounded(cores, 2))
