"""The repeats: one plan performed several times; what held, and how far its numbers spread.

A run's own intervals are about that run alone. How much the machine, the order of events and other
seeds make of a difference is told by repeats, and by nothing else.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from pydantic import Field

from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.reports.directions import unit_of
from dress_rehearsal.reports.evidence.latency import at_least
from dress_rehearsal.reports.lower_bounds import Ranked, RunNumber, over_runs
from dress_rehearsal.reports.markdown import escaped, markdown_table
from dress_rehearsal.reports.numbers import whole
from dress_rehearsal.reports.page.tables import Cell, Table
from dress_rehearsal.reports.page.templates import rendered
from dress_rehearsal.reports.part import Part
from dress_rehearsal.reports.schema import EXIT_CODES, Number, OfMetric, Status, Verdict
from dress_rehearsal.reports.words import EMPTY, NOT_MEASURED, SIGNS, bound_words, quantity

_GRAVEST_FIRST: Final[tuple[Status, ...]] = ("fail", "inconclusive", "pass")
_TONES: Final[dict[Status, str]] = {"pass": "ok", "fail": "found", "inconclusive": "open"}
_RUN_COLUMNS: Final = ("run", "seed", "verdict", "cause", "why")
_NUMBER_COLUMNS: Final = ("number", "limit", "held in", "median", "least", "most")
_ENDS: Final[tuple[Ranked, Ranked]] = ("least", "most")
_ABOUT: Final = (
    "What differs here is what differs between runs. A 95% interval in a run's own report is about "
    "that run alone, as if other students of the same kind had come: it may be wider than the runs "
    "lie apart, or narrower."
)


class RepeatedRun(Part):
    """One run among the repeats: which it is, what is said of it, and its gravest reason."""

    run: str
    seed: int
    verdict: Status
    reason: str
    cause: str


class RepeatedNumber(OfMetric):
    """One number over all runs; None where no run measured it.

    `measured` runs have it, and of those `median`, `least` and `most` are; `at_least` names those
    that are lower bounds: they rest on percentiles among given-up requests. `held` of `gated` runs
    passed `limit`; None of all three where no gate is on it. A run in which a limit of nobody's
    plan has nothing to decide, such as a counter of the audit that does not apply, is not gated.
    """

    limit: str | None
    held: int | None
    gated: int | None
    measured: int
    median: Number | None
    least: Number | None
    most: Number | None
    at_least: tuple[Ranked, ...] = ()


class Repeats(Part):
    """The whole of `repeats.json`. A run that was planned and has no verdict decides nothing."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    plan: str
    verdict: Status
    planned: int
    held: int
    runs: tuple[RepeatedRun, ...]
    numbers: tuple[RepeatedNumber, ...]

    @property
    def exit_code(self) -> int:
        """The process's exit code: that of the worst run."""
        return EXIT_CODES[self.verdict]

    @property
    def sentence(self) -> str:
        """How many runs held, and what became of the others."""
        words: dict[Status, str] = {"fail": "failed", "inconclusive": "decided nothing"}
        verdicts = [run.verdict for run in self.runs]
        others = [f"{verdicts.count(word)} {said}" for word, said in words.items()]
        others = [said for said in others if not said.startswith("0 ")]
        missing = self.planned - len(self.runs)
        if missing:
            others.append(f"{missing} {'has' if missing == 1 else 'have'} no verdict")
        more = f"; {', '.join(others)}" if others else ""
        return f"Held in {self.held} of {self.planned}{more}."

    @property
    def constants(self) -> str:
        """The numbers that held and were the same in every run, in a sentence; "" without any."""
        same = [number for number in self.numbers if self._is_constant(number)]
        if not same:
            return ""
        words = ", ".join(f"{each.name} {_words(each, 'median')}" for each in same)
        return f"The same in every run, and within its limit: {words}."

    def text(self) -> str:
        """Return the bytes of `repeats.json`."""
        document = self.model_dump(mode="json", by_alias=True)
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def markdown(self) -> str:
        """Return the bytes of `repeats.md`: a row a run, and a row a number that differs."""
        blocks = [
            f"# {SIGNS[self.verdict]} {escaped(self.plan)}: {escaped(self.sentence)}",
            markdown_table(_RUN_COLUMNS, self._run_rows(), texts=(0, 2, 3, 4)),
            markdown_table(_NUMBER_COLUMNS, self._number_rows()),
            escaped(_ABOUT),
            escaped(self.constants),
        ]
        return "\n\n".join(block for block in blocks if block) + "\n"

    def page(self) -> str:
        """Return the bytes of `repeats.html`: the same, with links to the runs' reports."""
        runs = [
            (
                Cell(run, href=f"{quote(run)}/report.html"),
                Cell(seed),
                Cell(own.verdict, _TONES[own.verdict]),
                Cell(cause),
                Cell(why),
            )
            for own, (run, seed, _, cause, why) in zip(self.runs, self._run_rows(), strict=True)
        ]
        kinds = ("text", "number", "text", "meaning", "meaning")
        numbers = [[Cell(words) for words in row] for row in self._number_rows()]
        kinds_of_numbers = ("text", *("number" for _ in _NUMBER_COLUMNS[1:]))
        return rendered(
            "repeats.html.j2",
            repeats=self,
            about=_ABOUT,
            runs=Table("runs", "Each run and its report", _columns(_RUN_COLUMNS, kinds), runs),
            numbers=Table(
                "numbers",
                "Over all runs",
                _columns(_NUMBER_COLUMNS, kinds_of_numbers),
                numbers,
            ),
        )

    def _run_rows(self) -> list[tuple[str, str, str, str, str]]:
        return [
            (
                run.run,
                str(run.seed),
                f"{SIGNS[run.verdict]} {run.verdict}",
                run.cause.partition(": ")[2],
                run.reason,
            )
            for run in self.runs
        ]

    def _number_rows(self) -> list[tuple[str, ...]]:
        return [
            (
                number.name,
                number.limit or EMPTY,
                EMPTY if number.held is None else f"{number.held} of {number.gated}",
                _median_words(number, len(self.runs)),
                *(_words(number, rank) for rank in _ENDS),
            )
            for number in self.numbers
            if not self._is_constant(number)
        ]

    def _is_constant(self, number: RepeatedNumber) -> bool:
        held_in_all = number.held == number.gated == number.measured == len(self.runs)
        return held_in_all and number.least == number.most and not number.at_least


def repeats_of(judged: Sequence[tuple[int, Verdict]], planned: int) -> Repeats:
    """Return what several runs of one plan say together; the worst verdict decides.

    Args:
        judged: each run's seed and verdict, in the order of the runs; at least one.
        planned: how many runs there were meant to be.
    """
    verdicts = [verdict for _, verdict in judged]
    words = {verdict.verdict for verdict in verdicts}
    if len(verdicts) < planned:
        words.add("inconclusive")
    return Repeats(
        plan=verdicts[0].plan,
        verdict=next(word for word in _GRAVEST_FIRST if word in words),
        planned=planned,
        held=sum(verdict.verdict == "pass" for verdict in verdicts),
        runs=tuple(_run(seed, verdict) for seed, verdict in judged),
        numbers=(*_gated(verdicts), *_p99s(verdicts)),
    )


def write_repeats(folder: Path, repeats: Repeats) -> None:
    """Write `repeats.html`, `repeats.md` and `repeats.json` into the folder of the runs.

    Raises:
        RunDirectoryUnusableError: one cannot be written.
    """
    files: dict[str, Callable[[], str]] = {
        "repeats.json": repeats.text,
        "repeats.md": repeats.markdown,
        "repeats.html": repeats.page,
    }
    for name, text in files.items():
        try:
            (folder / name).write_text(text(), encoding="utf-8")
        except OSError as error:
            raise RunDirectoryUnusableError(
                f"{folder / name} cannot be written: {error.strerror or error}; the runs beside it "
                f"are kept, each with its own report."
            ) from error


def _run(seed: int, verdict: Verdict) -> RepeatedRun:
    return RepeatedRun(
        run=verdict.run,
        seed=seed,
        verdict=verdict.verdict,
        reason=verdict.reasons[0],
        cause=verdict.cause,
    )


def _gated(verdicts: Sequence[Verdict]) -> list[RepeatedNumber]:
    """Return every number that a gate limits, in the order of the gates."""
    gates = {
        (gate.metric, gate.window, gate.limit): [
            each
            for other in verdicts
            for each in other.gates
            if (each.name, each.limit) == (gate.name, gate.limit)
        ]
        for verdict in verdicts
        for gate in verdict.gates
    }
    return [
        _number(
            metric,
            [_run_number(each.value, bound=each.given_up is not None) for each in results],
            limit,
            (sum(each.status == "pass" for each in results), len(results)),
            window,
        )
        for (metric, window, limit), results in gates.items()
    ]


def _p99s(verdicts: Sequence[Verdict]) -> list[RepeatedNumber]:
    """Return p99 of every step that was taken and that no gate has it of."""
    gated = {gate.name for verdict in verdicts for gate in verdict.gates}
    steps = dict.fromkeys(
        step for verdict in verdicts for step, own in verdict.latency_ms.items() if own.count
    )
    return [
        _number(metric, [_p99(own, step) for own in verdicts])
        for step in steps
        if (metric := f"latency_ms[{step}].p99") not in gated
    ]


def _p99(verdict: Verdict, step: str) -> RunNumber | None:
    own = verdict.latency_ms.get(step)
    return None if own is None else _run_number(own.p99, bound=at_least(own, "p99"))


def _run_number(value: Number | None, *, bound: bool) -> RunNumber | None:
    return None if value is None else RunNumber(value, bound)


def _number(
    metric: str,
    values: Sequence[RunNumber | None],
    limit: str | None = None,
    held: tuple[int, int] | None = None,
    window: str | None = None,
) -> RepeatedNumber:
    """Return one number over all runs.

    Args:
        held: how many runs passed the limit, of how many that were held to it.
    """
    known = [value for value in values if value is not None]
    of_runs = over_runs(known) if known else None
    return RepeatedNumber(
        metric=metric,
        window=window,
        limit=limit,
        held=None if held is None else held[0],
        gated=None if held is None else held[1],
        measured=len(known),
        median=None if of_runs is None else whole(of_runs.median),
        least=None if of_runs is None else of_runs.least,
        most=None if of_runs is None else of_runs.most,
        at_least=() if of_runs is None else of_runs.at_least,
    )


def _columns(titles: Sequence[str], kinds: Sequence[str]) -> list[tuple[str, str]]:
    return [(title.capitalize(), kind) for title, kind in zip(titles, kinds, strict=True)]


def _words(number: RepeatedNumber, rank: Ranked) -> str:
    value: Number | None = getattr(number, rank)
    if value is None:
        return EMPTY
    return bound_words(quantity(value, unit_of(number.metric)), at_least=rank in number.at_least)


def _median_words(number: RepeatedNumber, runs: int) -> str:
    """Return the median, and of how many runs where that is not all of them."""
    if number.median is None:
        return EMPTY if number.held else NOT_MEASURED
    of = f" (of {number.measured})" if number.measured < runs else ""
    return f"{_words(number, 'median')}{of}"
