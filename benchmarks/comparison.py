"""`make bench-comparison`: how often a comparison is wrong, in real runs of a shortened smoke.

Sets of runs are made in turn, so that what the machine does meanwhile meets all of them alike. Each
set is compared with each other one: nothing differs between them, so what seems worse is a false
alarm. As many sets have a purchase that takes longer by a share of a first run's median, and as
many again by a share of its p99, by the fault `slow_code`; each is held against the set without it
that was made beside it, as `rehearse gate` does with another build. A run's stage is set while the
one before it is judged: its rush comes later, and meets no other.

`--simulate` rehearses nothing: sets of runs are drawn, as quiet and as disturbed as told, and
compared by four ways to make an interval. That is how `reports.history.intervals` was chosen.
"""

import argparse
import dataclasses
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations, product
from operator import itemgetter
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import numpy as np

from benchmarks.known_sides import Drawn, intervals
from dress_rehearsal.reports.comparison import Side, compare, read_sides
from dress_rehearsal.reports.comparison.schema import Comparison
from dress_rehearsal.reports.evidence.purchase_step import purchase_step_of
from dress_rehearsal.reports.history.intervals import confidence

_PURCHASE = "latency_ms[POST /events/{event}/tickets]"
_GATES = (
    f'gates=[{{metric="{_PURCHASE}.p50", regression="< 5% and < 0.1 ms"}}, '
    f'{{metric="{_PURCHASE}.p99", regression="< 10% and < 1 ms"}}]'
)
_SHORT = (
    *("schedule.lead=2s", "schedule.sale=3s", "schedule.drain=1s", "schedule.settle=1s"),
    *("students.late_mean=400ms", "students.typing=200ms", "students.login_at_open=1s"),
)
_REHEARSE = (sys.executable, "-m", "dress_rehearsal.rehearsal", "run", "smoke", "--no-prometheus")
_JUDGED = (0, 3, 99)
_PLANTED = ((1.0, 0.1), (1.15, 0.05), (1.3, 0.1))
"""How much slower a side is, and the margin that it is held against."""
_SERVICE_MS = 20.0
"""What the app's own code takes of a purchase in every run, as in a service that does something:
one of 2 ms may take a third more or less in the next run."""
_LONGEST_S = 180
_OVER = "clearing the stage"
"""What a run says once its students are done and its stores have been read."""
_SLOWER = {"p50": 0.15, "p99": 0.3}
"""By how much of a percentile of purchases they are slower, as is planted in real runs."""


@dataclass
class Performed:
    """A run that is being made, or judged."""

    name: str
    process: subprocess.Popen[str]
    lines: Queue[str | None]
    """What it says; None once it has ended."""
    since_s: float = field(default_factory=time.monotonic)
    said: str = ""

    def until(self, begun: str | None) -> None:
        """Wait until it says that something has begun, or has ended; end it after its time."""
        if self.process.returncode is not None:
            return
        try:
            while True:
                left_s = self.since_s + _LONGEST_S - time.monotonic()
                line = self.lines.get(timeout=max(left_s, 0.0))
                if line is None:
                    break
                self.said = line.strip()
                if begun is not None and self.said.startswith(begun):
                    return
        except Empty:
            self.process.terminate()
            print(f"{self.name}: a run took longer than {_LONGEST_S} s and was ended", flush=True)
        if self._ended() not in _JUDGED:
            print(f"{self.name}: no verdict: {self.said}", flush=True)

    def end(self) -> None:
        """End it where it is under way, so that nothing is left behind."""
        if self.process.poll() is None:
            self.process.terminate()
            self._ended()

    def _ended(self) -> int:
        try:
            return self.process.wait(_LONGEST_S)
        except subprocess.TimeoutExpired:  # it hears of nothing any more
            self.process.kill()
            return self.process.wait()


def begin(folder: Path, seed: int, slower_ms: float = 0.0) -> Performed:
    """Rehearse the shortened smoke once into a folder, its purchases slower by so much."""
    grade_ms = _SERVICE_MS + slower_ms
    fault = f'faults=[{{name="slow_code", at="T-2s", grade="{grade_ms:.3f}ms"}}]'
    settings = [*_SHORT, _GATES, fault]
    options = [word for setting in settings for word in ("--set", setting)]
    command = [*_REHEARSE, "--seed", str(seed), *options, "--out", str(folder)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )
    lines: Queue[str | None] = Queue()
    Thread(target=_hear, args=(process, lines), daemon=True).start()
    return Performed(folder.name, process, lines)


def _hear(process: subprocess.Popen[str], lines: Queue[str | None]) -> None:
    if process.stdout is not None:
        for line in process.stdout:
            lines.put(line)
    lines.put(None)


def perform_sets(
    folder: Path, sets: int, runs: int, slower_ms: Mapping[str, float], *, each_whole: bool
) -> None:
    """Make so many sets of so many runs of each kind: the first run of each, then the second …

    Args:
        slower_ms: how much slower the purchases of each kind are.
        each_whole: make a set of each kind whole before the next one instead.
    """
    begun: list[Performed] = []
    turns = list(product(range(sets), range(runs)))
    if not each_whole:
        turns.sort(key=itemgetter(1))
    try:
        for (number, turn), kind in product(turns, slower_ms):
            out = folder / kind / f"set-{number:02}"
            begun.append(begin(out, 1000 * number + turn + 1, slower_ms[kind]))
            for judged in begun[:-1]:
                judged.until(None)
            begun = begun[-1:]
            begun[0].until(_OVER)
        for judged in begun:
            judged.until(None)
    finally:
        for run in begun:
            run.end()


def whole_sets(folder: Path, kinds: Collection[str], runs: int) -> dict[str, list[Side]]:
    """Return the sets of each kind that were made whole, in every kind."""
    names = sorted(path.name for path in (folder / next(iter(kinds))).glob("set-*"))
    whole = [
        name
        for name in names
        if all(len(list((folder / kind / name).glob("*/verdict.json"))) == runs for kind in kinds)
    ]
    return {kind: read_sides([folder / kind / name for name in whole]) for kind in kinds}


def as_another_build(side: Side, base: Side) -> Side:
    """Return a side under the base's plan: its fault stands for what a build did."""
    runs = (dataclasses.replace(run, plan=base.plan) for run in side.runs)
    return Side(side.name, tuple(runs))


def real(folder: Path, sets: int, runs: int, *, each_whole: bool) -> None:
    """Make real runs and print how often a comparison of them was wrong.

    Args:
        sets: of each kind; 0: compare what the folder has.
    """
    if sets:
        begin(folder / "first", 1).until(None)
    [first] = read_sides([folder / "first"])
    slower_ms = {"same": 0.0}
    for percentile, share in _SLOWER.items():
        first_ms = _median_ms(first, percentile)
        slower_ms[percentile] = share * first_ms
        print(f"{percentile} of the first run: {first_ms:.2f} ms", end="; ")
        print(f"planted: {slower_ms[percentile]:.2f} ms", flush=True)
    if sets:
        perform_sets(folder, sets, runs, slower_ms, each_whole=each_whole)
    made = whole_sets(folder, slower_ms, runs)
    same = made["same"]
    tally("the same against the same", [compare(pair) for pair in combinations(same, 2)])
    for percentile, share in _SLOWER.items():
        pairs = zip(same, made[percentile], strict=True)
        comparisons = [compare([base, as_another_build(side, base)]) for base, side in pairs]
        tally(f"{percentile} slower by {share:.0%}", comparisons, f"{_PURCHASE}.{percentile}")
    print(f"another run's p99 lies within a run's own interval: {within_own(same)}")
    for side in same:
        p50s = [own.latency.p50 for run in side.runs if (own := purchase_step_of(run.verdict))]
        doubts = [",".join(run.verdict.doubts or ()) or "-" for run in side.runs]
        print(f"  {side.name}: p50 {p50s} ms; doubts {doubts}")


def within_own(sides: Sequence[Side]) -> str:
    """Return how often a step's p99 in one run lies within its own interval of another of a side:
    some 83% if chance among students were all that differs between runs."""
    held = total = 0
    for side in sides:
        for one, other in permutations([run.verdict.latency_ms for run in side.runs], 2):
            for step, own in one.items():
                p99 = other[step].p99 if step in other else None
                if own.p99_low is not None and own.p99_high is not None and p99 is not None:
                    held += own.p99_low <= p99 <= own.p99_high
                    total += 1
    return f"{held} of {total}"


def _median_ms(side: Side, percentile: str) -> float:
    """Return the median of a percentile of purchases over a side's runs."""
    found = [
        getattr(own.latency, percentile)
        for run in side.runs
        if (own := purchase_step_of(run.verdict))
    ]
    return statistics.median(ms for ms in found if ms)


def tally(what: str, comparisons: Sequence[Comparison], metric: str | None = None) -> None:
    """Print how often each outcome came.

    Args:
        metric: a number that is held, whose own outcomes are printed too.
    """
    print(f"{what}: {len(comparisons)} comparisons: {_counts([c.outcome for c in comparisons])}")
    if metric is not None:
        own = [r.status for c in comparisons for r in c.regressions if r.metric == metric]
        print(f"  {metric} alone: {_counts(own)}")
    sys.stdout.flush()


def _counts(outcomes: Sequence[str]) -> dict[str, int]:
    return {word: outcomes.count(word) for word in ("worse", "undecided", "no_worse")}


def simulate(times: int) -> None:
    """Print how often each way to make an interval is wrong, and how often it finds what is there.

    A false alarm is of two sides that are alike, 10% apart; caught are 15% and 30% (5% and 10%).
    """
    rng = np.random.default_rng(2026)
    ways: dict[str, Callable[[Any, Any], tuple[float, float]]] = intervals()
    print("runs spread drift disturbed | " + " | ".join(f"{way:>26}" for way in ways))
    for runs in (5, 7):
        for drawn in (Drawn(0.03), Drawn(0.03, drift=0.02), Drawn(0.05, disturbed=0.1), Drawn(0.1)):
            found = {way: np.zeros(len(_PLANTED)) for way in ways}
            for _ in range(times):
                before, after = drawn.runs(rng, runs), drawn.runs(rng, runs)
                for place, (factor, margin) in enumerate(_PLANTED):
                    if np.median(after * factor) / np.median(before) - 1 < margin:
                        continue
                    for way, interval in ways.items():
                        found[way][place] += interval(before, after * factor)[0] > 0
            cells = [
                f"false {false:6.2%} {small:4.0%} {large:4.0%}"
                for false, small, large in (own / times for own in found.values())
            ]
            print(f"{runs:4} {drawn} | " + " | ".join(f"{cell:>26}" for cell in cells), flush=True)
    for runs in (5, 7, 10, 20):
        print(f"{runs:4} runs a side: {widths(rng, runs, times)}", flush=True)


def widths(rng: np.random.Generator, runs: int, times: int) -> str:
    """Return how often an interval holds the difference of sides whose runs spread by 3%, as it
    says itself and as is counted; and how wide it is beside the runs of one side."""
    drawn, made = Drawn(0.03), intervals()
    ways = {way: made[way] for way in ("ranks (ours)", "Welch's t")}
    held, width, spans = dict.fromkeys(ways, 0), dict.fromkeys(ways, 0.0), 0.0
    for _ in range(times):
        before, after = drawn.runs(rng, runs), drawn.runs(rng, runs)
        spans += float(np.ptp(before) + np.ptp(after)) / 2
        for way, interval in ways.items():
            low, high = interval(before, after)
            held[way] += low <= 0 <= high
            width[way] += high - low
    parts = [
        f"{way} holds it in {held[way] / times:.1%}, {width[way] / spans:.2f} times the range of a "
        f"side's runs wide"
        for way in ways
    ]
    return f"{'; '.join(parts)}; by the ranks {confidence(runs, runs):.1%}"


def main() -> None:
    """Rehearse and compare, or draw and compare, as the options say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sets", type=int, default=20, help="0: compare those of an earlier time (%(default)s)"
    )
    parser.add_argument(
        "--each-whole",
        action="store_true",
        help="make a set of each kind whole before the next: so those made by then can be compared",
    )
    parser.add_argument("--runs", type=int, default=5, help="of each set")
    parser.add_argument("--out", type=Path, default=Path("runs/comparison"))
    parser.add_argument("--simulate", action="store_true", help="draw runs instead of making them")
    parser.add_argument("--times", type=int, default=1000, help="how often each is drawn")
    options = parser.parse_args()
    if options.simulate:
        simulate(options.times)
    else:
        real(options.out, options.sets, options.runs, each_whole=options.each_whole)


if __name__ == "__main__":
    main()
