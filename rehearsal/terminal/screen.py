"""The screen: what a person sees while the rehearsal goes on, live or as plain lines, and after."""

import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dress_rehearsal.plans import Plan, format_duration
from dress_rehearsal.plans.names import ENDS
from dress_rehearsal.plans.visible import visible
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.rehearsal.generators import Line
from dress_rehearsal.rehearsal.terminal.console import is_drawable
from dress_rehearsal.rehearsal.terminal.pools import Row, is_ours, newest_pools
from dress_rehearsal.reports.doubts import where_it_fails
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.words import (
    APP_OR_MACHINE,
    BELIEF,
    counted,
    milliseconds,
    offset,
    seconds,
    written,
)

if TYPE_CHECKING:  # only a run has one, which takes the stores' own libraries
    from dress_rehearsal.records.collectors.collector import Collector

_PLAIN_EVERY_S: Final = 5.0
_NOTES: Final = 4
_STATES: Final = (
    *(
        (state, ENDS[state].words, colour)
        for state, colour in (
            ("ticket", "green"),
            ("sold_out", "blue"),
            ("refused", "magenta"),
            ("gave_up", "yellow"),
            ("failed", "red"),
            ("unknown", "red"),
            ("in_flight", "cyan"),
        )
    ),
    ("never_started", "not started yet", "bright_black"),
)
_MARKS: Final = {"pass": "green", "fail": "red", "inconclusive": "yellow"}


class LiveView(ABC):
    """Something to look at while it is entered; elsewhere than on a terminal nothing is drawn.

    Args:
        console: where to show it.
        transient: what was drawn is wiped away in the end.
    """

    def __init__(self, console: Console, *, transient: bool = False) -> None:
        self.console = console
        self._transient = transient
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if is_drawable(self.console):
            self._live = Live(
                get_renderable=self._render,
                console=self.console,
                refresh_per_second=4,
                transient=self._transient,
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    @abstractmethod
    def _render(self) -> RenderableType:
        """Return what is to be seen now."""


class Screen(LiveView):
    """Shows phases and numbers; a live panel on a terminal, a line every 5 s elsewhere.

    Args:
        console: where to show them.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._plan: Plan | None = None
        self._phase = ""
        self._t0_ns: int | None = None
        self._status: Line | None = None
        self._rate = 0.0
        self._pools: dict[str, Row] = {}
        self._tickets_left: int | None = None
        self._notes: list[Text] = []
        self._plain_due = 0.0

    def begin(self, plan: Plan, run: RunDirectory) -> None:
        """Show what is about to be rehearsed and where it is recorded."""
        self._plan = plan
        schedule = plan.schedule
        if plan.load is not None:
            file = Path(plan.scenario.file or "").name
            lasts = format_duration(plan.load.lasts_s)
            self.console.print(
                f"[bold]{escape(plan.name)}[/]: the users of {escape(visible(file))} against "
                f"{escape(plan.target.url or '')}, for {'up to ' * (plan.load.run_time is None)}"
                f"{lasts}. Recorded in {escape(near(run.path))}"
            )
            return
        self.console.print(
            f"[bold]{escape(plan.name)}[/]: {counted(plan.event.students, 'student')}, "
            f"{counted(plan.event.tickets, 'ticket')}, "
            f"{format_duration(schedule.lead)} before T-0 and "
            f"{format_duration(schedule.sale)} after. Recorded in {escape(near(run.path))}"
        )

    def phase(self, name: str) -> None:
        """Show what is being done now; the clock stands only while students act."""
        self._phase = name
        self._t0_ns = None
        if self._live is None:
            self.console.print(f"{name} …")

    def t0(self, t0_ns: int) -> None:
        """Start counting down to T-0."""
        self._t0_ns = t0_ns
        self._phase = "students arrive" if self._has_students else "Locust begins its users"

    def note(self, sentence: str) -> None:
        """Show something that should not have happened; it stays on the screen."""
        self._say(sentence, "red")

    def tell(self, sentence: str) -> None:
        """Show something that was meant to happen, such as a fault of the plan."""
        self._say(sentence, "yellow")

    def update(self, status: Line, collector: "Collector") -> None:
        """Take in the generator's status and the newest samples."""
        before, self._status = self._status, status
        if before is not None and status["t_ns"] > before["t_ns"]:
            rate = (
                (status["requests"] - before["requests"])
                / (status["t_ns"] - before["t_ns"])
                * NS_PER_S
            )
            self._rate += 0.5 * (rate - self._rate)
        # A pool that is heard of no more keeps its row: that it is silent is worth seeing.
        silent = {name: (name, "-", "-", "-") for name in self._pools}
        self._pools = silent | {row[0]: row for row in newest_pools(self._plan, collector)}
        self._read_tickets(collector)
        if self._t0_ns is not None and status["t_ns"] >= self._t0_ns:
            self._phase = "the sale is open" if self._has_students else "Locust's users act"
        if self._live is None and time.monotonic() >= self._plain_due:
            self._plain_due = time.monotonic() + _PLAIN_EVERY_S
            self.console.print(self._plain_line(), soft_wrap=True)

    def _read_tickets(self, collector: "Collector") -> None:
        # By the stores where they are read: an app too busy to be scraped counts nothing.
        counted = [collector.latest("tickets_held", store=store) for store in ("redis", "postgres")]
        taken = max((number for number in counted if number is not None), default=None)
        if taken is None:
            taken = collector.latest("tickets_granted_total", "app")
        if self._plan is not None and taken is not None:
            self._tickets_left = self._plan.event.tickets - round(taken)

    def _say(self, sentence: str, colour: str) -> None:
        self._notes.append(Text(visible(sentence), style=f"bold {colour}"))
        if self._live is None:
            self.console.print(escape(sentence), style=colour)

    def _clock(self) -> str:
        if self._t0_ns is None:
            return ""
        since_s = round((time.time_ns() - self._t0_ns) / NS_PER_S)
        return offset(since_s) if self._has_students else seconds(max(since_s, 0))

    @property
    def _has_students(self) -> bool:
        return self._plan is None or self._plan.load is None

    def _numbers(self) -> list[tuple[str, str]]:
        status = self._status
        if status is None:
            return []
        late_s = status["late_p99_s"]
        late_ms = None if late_s is None else 1e3 * late_s
        felt, good, late = (
            "-" if value is None else milliseconds(value)
            for value in (status["felt_p99_ms"], status["good_p99_ms"], late_ms)
        )
        return [
            ("ended/s", written(round(self._rate))),
            ("p99", felt),
            *([("good p99", good)] if self._bad() != "0/0" else []),
            *([("tickets left", self._left())] if self._tells_tickets else []),
            ("failed/no answer", self._bad()),
            *(
                [("sent late", late)]
                if self._has_students
                else [("requests", written(status["requests"]))]
            ),
        ]

    @property
    def _tells_tickets(self) -> bool:
        """Whether anything tells meanwhile how many tickets are left: few other apps do."""
        return self._has_students and (is_ours(self._plan) or self._tickets_left is not None)

    def _left(self) -> str:
        return "-" if self._tickets_left is None else written(self._tickets_left)

    def _bad(self) -> str:
        """Return how many requests failed, and how many got no answer that were still wanted."""
        assert self._status is not None
        ends = self._status["outcomes"]
        return f"{written(ends['failed'])}/{written(ends['unknown'])}"

    def _plain_line(self) -> str:
        status = self._status
        assert status is not None
        states = ", ".join(
            f"{words} {written(status['students'][state])}"
            for state, words, _ in _STATES
            if status["students"][state]
        )
        numbers = ", ".join(f"{name} {value}" for name, value in self._numbers())
        if not self._has_students:
            return f"{self._clock()}: requests: {numbers}"
        return f"{self._clock() or 'before T-0'}: {states}; requests: {numbers}"

    def _render(self) -> RenderableType:
        parts: list[RenderableType] = [self._headline()]
        if self._status is not None:
            parts += [self._students()] if self._has_students else []
            parts += [self._numbers_line(), *([self._pools_table()] if self._pools else [])]
        parts += self._notes[-_NOTES:]
        return Panel(Group(*parts), title="dress rehearsal", border_style="bright_black")

    def _headline(self) -> RenderableType:
        line = Table.grid(expand=True)
        line.add_column()
        line.add_column(justify="right")
        clock = self._clock()
        line.add_row(Text(self._phase, style="bold"), Text(clock, style="bold cyan"))
        return line

    def _students(self) -> RenderableType:
        assert self._status is not None
        counts = self._status["students"]
        total = max(sum(counts.values()), 1)
        rows = Table.grid(padding=(0, 1), expand=True)
        rows.add_column(no_wrap=True)
        rows.add_column(justify="right", min_width=6)
        rows.add_column(ratio=1)
        for state, words, colour in _STATES:
            if counts[state]:
                bar = ProgressBar(total=total, completed=counts[state], complete_style=colour)
                rows.add_row(words, written(counts[state]), bar)
        return rows

    def _numbers_line(self) -> RenderableType:
        cells = Table.grid(padding=(0, 2))
        numbers = self._numbers()
        cells.add_row(*(Text(name, style="bright_black") for name, _ in numbers))
        cells.add_row(*(Text(value, style="bold") for _, value in numbers))
        return cells

    def _pools_table(self) -> RenderableType:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for title in ("pool", "used", "max", "waiting"):
            table.add_column(title, justify="left" if title == "pool" else "right")
        for row in self._pools.values():
            table.add_row(*row)
        return table


def print_verdict(console: Console, verdict: Verdict, run: Path) -> None:
    """Print the verdict, why, and where to read on.

    Args:
        run: the run directory.
    """
    colour = _MARKS[verdict.verdict]
    first = verdict.reasons[0] if verdict.reasons else ""
    where = where_it_fails(verdict)
    first = f"{where[1:]}: {first}" if where else first
    console.print(f"[bold {colour}]{verdict.verdict.upper()}[/] {escape(first)}")
    for reason in verdict.reasons[1:]:
        console.print(f"  {escape(reason)}")
    console.print(escape(verdict.cause))
    console.print(f"Run: {escape(verdict.ran)}", style="bright_black")
    console.print(escape(f"{BELIEF} {verdict.belief}"), style="bright_black")
    if verdict.app_or_machine:
        console.print(escape(f"{APP_OR_MACHINE} {verdict.app_or_machine}"), style="bright_black")
    for note in verdict.notes:
        console.print(escape(note), style="bright_black")
    console.print(f"Report: {escape(near(run / 'report.html'))}", soft_wrap=True)


def near(path: Path) -> str:
    """Return a path as it is written for people: below the current folder without the way to it."""
    resolved = path.resolve()
    try:
        here = Path.cwd()
    except OSError:  # the folder we were started in is gone
        return str(resolved)
    return str(resolved.relative_to(here) if resolved.is_relative_to(here) else resolved)
