"""Conducts a search: one run after the other, each a whole one, until the edge is known."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from dress_rehearsal.plans import PlanError
from dress_rehearsal.records import RecordError
from dress_rehearsal.rehearsal.capacity.axis import Axis
from dress_rehearsal.rehearsal.capacity.search import Asked, Search
from dress_rehearsal.rehearsal.series.bound import TimeBound
from dress_rehearsal.rehearsal.series.performances import Judged, Planned, perform, series_folder
from dress_rehearsal.rehearsal.signals import noticed, uninterruptible
from dress_rehearsal.rehearsal.terminal.console import make_console
from dress_rehearsal.rehearsal.terminal.screen import near
from dress_rehearsal.reports.capacity.pages import (
    capacity_markdown,
    write_capacity,
    write_numbers,
)
from dress_rehearsal.reports.capacity.result import Ended, Sought, capacity_of
from dress_rehearsal.reports.capacity.schema import Capacity, CapacityTry
from dress_rehearsal.reports.capacity.standing import edge_of, standings
from dress_rehearsal.reports.capacity.tried import try_of, watched_step
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.markdown import plain
from dress_rehearsal.reports.words import bound_words, milliseconds, percent, written

_NOTHING_JUDGED: Final = 1
_MOST_BROKEN: Final = 2
"""Runs one after the other that may have no verdict."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a search is carried out with.

    Attributes:
        planned: the run of so many people with a seed.
        why_most: why nothing larger is to be tried, the end of a sentence.
    """

    axis: Axis
    asked: Asked
    why_most: str
    planned: Callable[[int, int], Planned]
    bound: TimeBound
    runs: Path
    roster: Path | None = None
    prometheus: bool | None = None


def search_capacity(given: Given) -> int:
    """Search the largest load that passes, and tell it.

    The runs stand beside each other in `<runs>/<UTC time>-<plan>-capacity/`, with `capacity.html`,
    `.md`, `.json` and `.svg`. An interruption ends it, and what was tried by then is told.

    Returns:
        0 where the plan's own number passes, 99 where it does not, 3 where that is undecided, 1
        where no run has a verdict.

    Raises:
        RehearsalError: the folder cannot be made.
        RecordError: what it came to cannot be written.
    """
    conduct = _Conduct(given)
    ended = conduct.carried_out()
    with uninterruptible():
        return conduct.told(ended)


class _Conduct:
    def __init__(self, given: Given) -> None:
        self._given = given
        self._console: Console = make_console()
        self._search = Search(given.asked)
        self._most = self._search.at_most()
        self._bound = given.bound
        self._tries: list[CapacityTry] = []
        self._step: str | None = None
        self._sought = _sought(given, self._most)
        self._began_s = time.monotonic()
        self._begun = 0
        self._folder = Path()

    def carried_out(self) -> Ended:
        """Try one load after the other; return why that ended."""
        self._introduce()
        self._folder = series_folder(self._given.runs, f"{self._given.axis.plan.name}-capacity")
        broken = 0
        try:
            while (people := self._search.next()) is not None:
                if self._begun >= self._most:
                    return "tries"
                if not self._bound.lets_another(self._passed_s):
                    return "time"
                began_s = time.monotonic()
                judged = self._perform(people)
                if judged is not None and judged.interrupted:
                    return "interrupted"
                with noticed() as came:
                    known = judged is not None and self._record(
                        people, judged, time.monotonic() - began_s
                    )
                if came() or (judged is not None and judged.is_last):
                    return "interrupted"
                broken = 0 if known else broken + 1
                if broken == _MOST_BROKEN:
                    return "broken"
        except KeyboardInterrupt:
            return "interrupted"
        return "found"

    def told(self, ended: Ended) -> int:
        """Write and print what came of it; return the exit code."""
        if not self._tries:
            self._console.print("No run has a verdict, so there is nothing to tell.", style="red")
            return _NOTHING_JUDGED
        capacity = self._capacity(ended)
        write_capacity(self._folder, capacity)
        self._console.print(plain(capacity_markdown(capacity)), markup=False, soft_wrap=True)
        path = escape(near(self._folder / "capacity.html"))
        self._console.print(f"Report: {path}", soft_wrap=True)
        return capacity.exit_code

    def _introduce(self) -> None:
        axis, asked = self._given.axis, self._given.asked
        self._say(
            f"The largest load of {axis.plan.name} that passes, over {axis.over}: from "
            f"{axis.words(asked.least)} to {axis.words(asked.most)} ({self._given.why_most}), "
            f"beginning with the plan's own {axis.words(asked.own)}, to within "
            f"{percent(asked.within)}."
        )
        for remark in axis.remarks():
            self._say(remark)
        told = self._bound.told(self._most)
        self._say(f"{told[:1].upper()}{told[1:]}. Ctrl-C ends it, and what was tried is told.")

    def _perform(self, people: int) -> Judged | None:
        """Rehearse a load; None, and why is printed, where it has no verdict."""
        given, axis = self._given, self._given.axis
        seed = axis.plan.seed + self._begun
        self._begun += 1
        what = f"{axis.words(people)}{axis.details(people)}"
        self._console.print(f"[bold]{self._begun} of at most {self._most}: {escape(what)}[/]")
        try:
            planned = given.planned(people, seed)
        except PlanError as error:
            self._say(f"{axis.words(people)} cannot be rehearsed: {error}")
            return None
        one = perform(
            planned, self._folder, self._console, given.roster, prometheus=given.prometheus
        )
        return one if isinstance(one, Judged) else None

    def _record(self, people: int, judged: Judged, took_s: float) -> bool:
        """Take down what a run came to; return whether it can be read again."""
        verdict, axis = judged.verdict, self._given.axis
        try:
            evidence = read_evidence(judged.run)
        except RecordError as error:
            self._say(f"{axis.words(people)}: what was recorded cannot be read again: {error}")
            return False
        if self._step is None:
            self._step = watched_step(axis.plan, verdict)
        one = try_of(
            evidence,
            verdict,
            step=self._step,
            load=axis.value(people),
            people=people,
            took_s=took_s,
        )
        self._tries.append(one)
        self._search.record(people, one.outcome)
        self._bound.took_s.append(took_s)
        # Runs without a verdict took their places among those that were told.
        unknown = self._begun - self._search.number
        self._most = min(self._most, self._search.at_most() + unknown)
        write_numbers(self._folder, self._capacity("interrupted"))
        took = bound_words(milliseconds(one.p99_ms), at_least=one.p99_at_least)
        p99 = "" if one.p99_ms is None else f", p99 {took}"
        self._say(f"{axis.words(people)}: {one.outcome}{p99}; {self._between()}.")
        if len(self._tries) == 1:
            self._say(f"Now {self._bound.told(self._most)}.")
        return True

    def _between(self) -> str:
        """Return between which loads the edge is, as far as is known."""
        axis = self._given.axis
        known = standings(self._search.tried, self._given.asked.repeats)
        low, above = edge_of(known)
        if above is not None and known[above] == "undecided":
            passing = "no load is known to pass"
            if low is not None:
                passing = f"{axis.words(low)} {axis.agreeing(low, 'passes', 'pass')}"
            stays = axis.agreeing(above, "stays", "stay")
            return f"{passing}, and {axis.words(above)} {stays} undecided"
        if low is None:
            below = above is not None and f"the edge is below {axis.words(above)}"
            return below or "nothing is known yet"
        if above is None:
            return f"the edge is above {axis.words(low)}"
        first = written(round(axis.value(low), 1))
        return f"the edge is between {first} and {axis.words(above)}"

    def _capacity(self, ended: Ended) -> Capacity:
        return capacity_of(
            self._sought, self._tries, step=self._step, ended=ended, took_s=self._passed_s
        )

    @property
    def _passed_s(self) -> float:
        return time.monotonic() - self._began_s

    def _say(self, sentence: str) -> None:
        self._console.print(sentence, markup=False)


def _sought(given: Given, most_tries: int) -> Sought:
    axis, asked = given.axis, given.asked
    return Sought(
        plan=axis.plan,
        over=axis.over,
        own=asked.own,
        least=asked.least,
        most=asked.most,
        why_most=given.why_most,
        value=float(axis.each),
        within=asked.within,
        repeats=asked.repeats,
        remarks=tuple(axis.remarks()),
        most_tries=most_tries,
        most_s=given.bound.given_s or given.bound.whole_s(most_tries),
    )
