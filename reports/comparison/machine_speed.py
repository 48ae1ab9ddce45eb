"""The machine's speed on both sides of a comparison: whether it may be why they differ.

One machine is not always as fast as yesterday: what its host has for it, another tenant's thread on
the same core. So a fixed calculation is timed beside each run (`records.machine_speed`), and held
like any number: a side's machine was of another speed where the medians are a tenth apart and the
95% interval of the difference excludes zero; of fewer than five runs a side, where none of the one
lies among the other's. By a tenth the parts of one calculation differ where nothing changes, and
margins are seldom narrower. Of fewer than three runs on a side it takes a quarter: one calculation
beside another is a tenth apart by chance alone.

What such a machine may have done is told by size. Only times are held against it, and only as far
as the square of its factor: with the later side's times divided by that (multiplied, where the
machine was faster), what became of it has to be another. The square is a choice: a rush near
saturation is slowed by more than its machine, for what takes longer also waits for longer, and how
much that is differs from rush to rush. It excuses twice as slow what takes up to four times as
long, and a tenth slower a fifth; nothing of five seconds where there were 0.2.
"""

import statistics
from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple

from dress_rehearsal.records.machine_speed import speed_ms
from dress_rehearsal.reports.comparison.schema import Outcome
from dress_rehearsal.reports.comparison.sides import SideRun
from dress_rehearsal.reports.directions import unit_of, worse_when
from dress_rehearsal.reports.doubts import may_be_others_doing
from dress_rehearsal.reports.history.intervals import difference_interval
from dress_rehearsal.reports.words import milliseconds, written

_MATTERS: Final = 1.1
_FEW: Final = 3
"""Runs of each side below which it takes more to matter."""
_MATTERS_OF_FEW: Final = 1.25
_QUEUEING: Final = 2
"""The power of its factor by which a machine may have changed times."""


class SpeedChange(NamedTuple):
    """How long the calculation took beside the runs of each side (medians, ms), where they differ
    by more than the runs do among themselves."""

    before_ms: float
    here_ms: float

    @property
    def undoes(self) -> float:
        """By what times of the later side are multiplied to undo as much as it may have done."""
        return (self.before_ms / self.here_ms) ** _QUEUEING

    def words(self, side: str) -> str:
        """Return by how much the machine was slower or faster for a side, inside a sentence."""
        slower = self.here_ms > self.before_ms
        ends = sorted((self.before_ms, self.here_ms))
        return (
            f"the machine itself was {written(round(ends[1] / ends[0], 1))} times "
            f"{'slower' if slower else 'faster'} when {side} was made (a fixed calculation took "
            f"{milliseconds(self.here_ms)}, {milliseconds(self.before_ms)} before)"
        )


def speed_change(before: Sequence[SideRun], after: Sequence[SideRun]) -> SpeedChange | None:
    """Return how the machine's speed changed between runs of two sides; None where it did not, or
    where that is not known: some run was not measured, or by another version of Python."""
    sides = [[speed_ms(run.environment) for run in runs] for runs in (before, after)]
    base, here = ([took for took in own if took is not None] for own in sides)
    pythons = {run.environment.get("python") for run in (*before, *after)}
    if None in (*sides[0], *sides[1]) or not base or not here or len(pythons) > 1:
        return None
    least, most = difference_interval(base, here) or (
        min(here) - max(base),
        max(here) - min(base),
    )
    change = SpeedChange(statistics.median(base), statistics.median(here))
    few = min(len(base), len(here)) < _FEW
    matters = max(change) >= (_MATTERS_OF_FEW if few else _MATTERS) * min(change)
    return change if matters and not least <= 0 <= most else None


def _are_of_here(*sides: Sequence[SideRun]) -> bool:
    """Return whether the target of all runs shared the machine that was measured."""
    return all(run.plan.target.shares_the_machine() for runs in sides for run in runs)


def may_be_slowed(path: str) -> bool:
    """Return whether a slow machine makes a number worse by itself: a time, though none of the
    measurement's own, and no moment. What fails or is sold is none."""
    is_time = unit_of(path) in ("ms", "s") and worse_when(path) == "more"
    return is_time and may_be_others_doing(path)


def machines_doing(
    before: Sequence[SideRun],
    after: Sequence[SideRun],
    side: str,
    outcome: Outcome,
    becomes: Callable[[float], Collection[Outcome]],
) -> str | None:
    """Return why what became of a side may be the machine's doing, as the end of a sentence: it is
    worse on a slower one, or no worse on a faster one. None where it is not.

    Args:
        outcome: what became of a number that `may_be_slowed`. Of a target elsewhere the machine's
            speed tells nothing.
        becomes: what may become of it with the later side's numbers multiplied so.
    """
    change = speed_change(before, after)
    if change is None or outcome == "undecided" or not _are_of_here(before, after):
        return None
    if (change.here_ms > change.before_ms) != (outcome == "worse"):
        return None
    undone = set(becomes(change.undoes))
    if undone == {"worse"} if outcome == "worse" else "worse" not in undone:
        return None
    may = "that may be why" if outcome == "worse" else "that may hide what became worse"
    return f"{change.words(side)}, and {may}: rehearse both again, by turns"
