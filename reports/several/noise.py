"""The noise: how far the numbers of one build differ from run to run, and which margins that asks.

The same build, rehearsed several times, is compared with itself: its runs are dealt into two sides
of five in every way, or in some hundred ways drawn from a fixed seed, and each such pair is held
against its margins as `rehearse compare` does. The margins proposed are those that fewer than one
pair in 200 would break falsely. As so few runs show the machine only in part, they are widened by
1 + 1.5 / sqrt(runs), and rounded up.

What it does not know: a machine that is noisier tomorrow, and what differs between days rather than
between runs made one after the other.
"""

import itertools
import json
import math
import random
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from pydantic import Field

from dress_rehearsal.plans import Plan
from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.records.files import reason
from dress_rehearsal.reports.comparison.numbers import Metric, metrics_of, values_of
from dress_rehearsal.reports.comparison.sides import Side
from dress_rehearsal.reports.directions import Worse, unit_of, worse_when
from dress_rehearsal.reports.doubts import disturbance_words, disturbances
from dress_rehearsal.reports.history.intervals import FEWEST, difference_interval
from dress_rehearsal.reports.lower_bounds import Ranked, RunNumber, over_runs
from dress_rehearsal.reports.markdown import escaped, markdown_table
from dress_rehearsal.reports.numbers import significant
from dress_rehearsal.reports.part import Part
from dress_rehearsal.reports.schema import Number, Status
from dress_rehearsal.reports.words import EMPTY, bound_words, counted, percent, quantity

FALSE_ALARMS: Final = 1 / 200
"""The share of comparisons of a build with itself that may find it worse."""

_NEEDED: Final = 2 * FEWEST
_WAYS: Final = 400
_WIDENED: Final = 1.5
_CAUGHT: Final = 0.95
_NICE: Final = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
_LARGEST: Final = 8.0
"""How many times slower the planted change is made at most: nine times."""
_HALVINGS: Final = 10
_FEW_WAYS: Final = 60
_HEAD: Final = ("number", "runs", "median", "least", "most", "spread", "margins", "catches")


class NoisyNumber(Part):
    """One number over all runs that count: in its own unit, `spread` and `catches` as shares.

    `spread`: standard deviation over median. `margins`: what a gate may say; None where none can be
    told. `at_least` names those of median, least and most that are lower bounds: percentiles among
    given-up requests, of which nobody knows how far they spread. `catches`: how much worse a number
    has to become for 19 of 20 comparisons to find it.
    """

    metric: str
    window: str | None
    counted: int
    median: Number
    least: Number
    most: Number
    at_least: tuple[Ranked, ...] = ()
    spread: float | None
    margins: str | None
    catches: float | None


class Noise(Part):
    """The whole of `noise.json`."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    plan: str
    planned: int
    runs: tuple[str, ...]
    disturbed: dict[str, tuple[str, ...]]
    """Runs whose times do not count, and why, as words."""
    numbers: tuple[NoisyNumber, ...]
    gates: tuple[str, ...]
    """The gates with their margins, as lines of TOML."""

    @property
    def verdict(self) -> Status:
        """Whether margins can be told of what was measured."""
        told = any(number.margins for number in self.numbers)
        return "pass" if told else "inconclusive"

    @property
    def sentence(self) -> str:
        """How many runs count, and what that is enough for."""
        quiet = len(self.runs) - len(self.disturbed)
        said = f"{quiet} of {counted(self.planned, 'run')} count"
        if self.disturbed:
            why = sorted({disturbance_words(words) for words in self.disturbed.values()})
            said += (
                f", {len(self.disturbed)} disturbed ({'; '.join(why)}): this machine is not quiet"
            )
        if self.verdict == "pass":
            return f"{said}."
        if quiet >= _NEEDED and any(number.at_least for number in self.numbers):
            return (
                f"{said}, but requests were given up, so only lower bounds of their times are "
                f"known, and no margins: have students wait longer (students.timeout)."
            )
        return (
            f"{said}, and it takes {_NEEDED} to tell margins: make it quieter (`rehearse doctor` "
            f"names programs that take the CPU), or run it with more --runs."
        )

    def text(self) -> str:
        """Return the bytes of `noise.json`."""
        document = self.model_dump(mode="json", by_alias=True)
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def markdown(self) -> str:
        """Return the bytes of `noise.md`."""
        blocks = [
            f"# {escaped(self.plan)}: the same build, {counted(self.planned, 'time')}",
            escaped(self.sentence),
            markdown_table(_HEAD, self._rows(), texts=(0, 6)),
        ]
        if self.gates:
            blocks += [
                "Margins that fewer than 1 in 200 comparisons of five runs with five would break "
                "by chance, on this machine as it was:",
                "\n".join(["```toml", *self.gates, "```"]),
            ]
        return "\n\n".join(blocks) + "\n"

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for number in self.numbers:
            unit = unit_of(number.metric)
            ranks: dict[Ranked, Number] = {
                "median": number.median,
                "least": number.least,
                "most": number.most,
            }
            yield (
                number.metric if number.window is None else f"{number.metric} in {number.window}",
                str(number.counted),
                *(
                    bound_words(quantity(value, unit), at_least=rank in number.at_least)
                    for rank, value in ranks.items()
                ),
                EMPTY if number.spread is None else percent(number.spread),
                number.margins or EMPTY,
                EMPTY if number.catches is None else f"+{number.catches:.0%}",
            )


def noise_of(side: Side, plan: Plan, planned: int) -> Noise:
    """Return how far the numbers of runs of one build spread, and the margins that asks for.

    Args:
        side: its runs.
        plan: the plan that was performed, whose gates get the margins.
        planned: how many runs there were meant to be.
    """
    # In their own order, so that the same runs tell the same in whichever they are read.
    measured = [(metric, sorted(values_of(side, metric))) for metric in _metrics(side)]
    numbers = tuple(_number(metric, values) for metric, values in measured if values)
    return Noise(
        plan=plan.name,
        planned=planned,
        runs=tuple(run.verdict.run for run in side.runs),
        disturbed={
            run.verdict.run: words
            for run in side.runs
            if (words := disturbances(run.verdict.doubts or ()))
        },
        numbers=numbers,
        gates=_toml(numbers, plan),
    )


def write_noise(folder: Path, noise: Noise) -> None:
    """Write `noise.json` and `noise.md` into the folder of the runs.

    Raises:
        RunDirectoryUnusableError: one cannot be written.
    """
    for name, text in (("noise.json", noise.text()), ("noise.md", noise.markdown())):
        try:
            (folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise RunDirectoryUnusableError(
                f"{folder / name} cannot be written: {reason(error)}; the runs beside it are kept."
            ) from error


class Told(NamedTuple):
    """Margins, as shares and in a number's own unit, and what they catch."""

    relative: float
    absolute: float
    catches: float | None


def margins_of(values: Sequence[float], worse: Worse) -> Told | None:
    """Return the margins that comparisons of a build with itself hardly ever break.

    Args:
        values: a number of each run.
        worse: which way it becomes worse.

    Returns:
        None with fewer than ten runs, or where the number was 0 in one of them.
    """
    if len(values) < _NEEDED or min(map(abs, values)) == 0:
        return None
    sign = 1 if worse == "more" else -1
    ways = list(_dealt(values))
    found = [apart for before, after in ways if (apart := _worse(before, after, sign))]
    allowed = math.ceil(len(ways) * FALSE_ALARMS) - 1
    wider = 1 + _WIDENED / math.sqrt(len(values))
    relative, absolute = (
        wider * _beyond(sorted(each[place] for each in found), allowed) for place in (0, 1)
    )
    smallest = 0.01 * abs(statistics.median(values))
    told = _rounded_up(max(relative, 0.01)), _rounded_up(max(absolute, smallest))
    return Told(*told, _caught(ways[:: max(1, len(ways) // _FEW_WAYS)], sign, *told))


def _metrics(side: Side) -> list[Metric]:
    """Return every number of a gate that has a unit, and p50 and p99 of every step."""
    metrics = metrics_of([side])
    halves = [
        Metric(metric.path.removesuffix(".p99") + ".p50", None)
        for metric in metrics
        if metric.path.startswith("latency_ms[") and metric.path.endswith(".p99")
    ]
    timed = [each for each in (*metrics, *halves) if unit_of(each.path) and worse_when(each.path)]
    return list(dict.fromkeys(timed))


def _number(metric: Metric, numbers: Sequence[RunNumber]) -> NoisyNumber:
    median, least, most, at_least = over_runs(numbers)
    worse, values = worse_when(metric.path), [each.value for each in numbers]
    told = None if worse is None or at_least else margins_of(values, worse)
    spreads = median and len(values) > 1 and not at_least
    return NoisyNumber(
        metric=metric.path,
        window=metric.window,
        counted=len(values),
        median=significant(median) or 0,
        least=least,
        most=most,
        at_least=at_least,
        spread=statistics.stdev(values) / abs(median) if spreads else None,
        margins=None if told is None else _margin_words(told, unit_of(metric.path)),
        catches=None if told is None else told.catches,
    )


def _dealt(values: Sequence[float]) -> Iterator[tuple[list[float], list[float]]]:
    """Yield pairs of sides of five runs, none in both: all there are, or some of them."""
    places = range(len(values))
    if len(values) == _NEEDED:
        for before in itertools.combinations(places, FEWEST):
            rest = [place for place in places if place not in before]
            yield [values[place] for place in before], [values[place] for place in rest]
        return
    drawn = random.Random(len(values))
    for _ in range(_WAYS):
        chosen = drawn.sample(values, _NEEDED)
        yield chosen[:FEWEST], chosen[FEWEST:]


def _worse(
    before: Sequence[float], after: Sequence[float], sign: int
) -> tuple[float, float] | None:
    """Return by how much a side is worse, as a share and in its unit; None: it may be chance."""
    interval = difference_interval(before, after)
    assert interval is not None
    apart = sign * (statistics.median(after) - statistics.median(before))
    if apart <= 0 or min(sign * end for end in interval) <= 0:
        return None
    return apart / abs(statistics.median(before)), apart


def _beyond(ascending: Sequence[float], allowed: int) -> float:
    """Return the largest that is left once the `allowed` largest are taken away; 0 without any."""
    return ascending[-1 - allowed] if len(ascending) > allowed else 0.0


def _caught(
    ways: Sequence[tuple[list[float], list[float]]], sign: int, relative: float, absolute: float
) -> float | None:
    """Return by which share a number has to become worse to be found in 19 of 20 comparisons."""

    def found(share: float) -> bool:
        factor = 1 + share if sign > 0 else 1 / (1 + share)
        hits = 0
        for before, after in ways:
            apart = _worse(before, [value * factor for value in after], sign)
            hits += apart is not None and apart[0] >= relative and apart[1] >= absolute
        return hits >= _CAUGHT * len(ways)

    if not found(_LARGEST):
        return None
    least, most = 0.0, _LARGEST
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        least, most = (least, middle) if found(middle) else (middle, most)
    return round(most, 2)


def _rounded_up(value: float) -> float:
    """Return the next larger number that people like: 1, 1.5, 2, 2.5, 3 … times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(nice * power for nice in _NICE if nice * power >= value * (1 - 1e-9))


def _margin_words(told: Told, unit: str) -> str:
    absolute = f"{told.absolute:.10g}{f' {unit}' if unit in ('ms', 's') else ''}"
    return f"< {told.relative * 100:.10g}% and < {absolute}"


def _toml(numbers: Sequence[NoisyNumber], plan: Plan) -> tuple[str, ...]:
    """Return a gate for each number that has margins, with the limit that the plan has on it."""
    limits = {(gate.path, gate.span): gate.limit for gate in plan.gates if gate.limit}
    lines: list[str] = []
    for number in numbers:
        if number.margins is None or number.metric.endswith(".p50"):
            continue
        lines += ["", "[[gates]]", f"metric = {_quoted(number.metric)}"]
        lines += [] if number.window is None else [f"window = {_quoted(number.window)}"]
        limit = limits.get((number.metric, number.window))
        lines += [] if limit is None else [f"limit = {_quoted(limit)}"]
        lines.append(f"regression = {_quoted(number.margins)}")
    return tuple(lines[1:])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
