"""The course of a rush by its plan: what is sent when, drawn in text, and the capacity sum."""

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from dress_rehearsal.plans import Person, Plan, format_duration, format_share
from dress_rehearsal.plans.behaviour import NO_SOURCE, behaviour_of
from dress_rehearsal.rehearsal.preflight.capacity import SPAN_S, Sum, capacity, peak_words
from dress_rehearsal.rehearsal.preflight.forecast import (
    TOGETHER,
    Times,
    busiest,
    hedge,
    planned_times,
)
from dress_rehearsal.rehearsal.terminal.graph import (
    bars,
    counted_in,
    nice_width_s,
    time_axis,
)
from dress_rehearsal.reports.words import counted, written

Line = tuple[str, str]
"""A line of text and its style."""
_LEFT: Final = 18
"""Columns for a step's name and its greatest number."""
_MOST: Final = 60
_FEWEST: Final = 20
_USUAL: Final = 80
_HEIGHT: Final = 6
_BEFORE_S: Final = 1.0
_STYLES: Final = {"ok": "", "warn": "yellow", "fail": "bold red"}
_WORDS: Final = {"ok": "enough", "warn": "queue", "fail": "short"}


def course(plan: Plan, people: Sequence[Person], wrapped_at: int | None = None) -> Iterator[Line]:
    """Yield the lines that show a plan.

    Args:
        wrapped_at: how many columns the terminal has; None where there is none.
    """
    yield from _headline(plan)
    if plan.load is not None:
        yield ("How often the users of a Locust file ask, the file alone knows.", "")
        return
    times = planned_times(plan, people)
    columns = min(max((wrapped_at or _USUAL) - _LEFT - 1, _FEWEST), _MOST)
    begin_s, width_s, used = _whole(plan, columns)
    yield from _graph("The whole course, requests a second", times, used, begin_s, width_s, 1.0)
    begin_s = _near_begin_s(times, columns)
    what = "Around T-0" if begin_s == -_BEFORE_S else "Around the peak"
    yield from _graph(f"{what}, requests in 100 ms", times, columns, begin_s, SPAN_S, SPAN_S)
    yield (
        "First tries only, by the medians of human delays: what is tried again, and what follows a "
        "purchase, comes on top.",
        "dim",
    )
    hedged = hedge(plan)
    if hedged is not None:
        yield (hedged, "dim")
    yield ("", "")
    yield ("The capacity sum, before anything is sent", "bold")
    yield (f"  {peak_words(times)}.", "")
    sums = capacity(plan, times)
    for each in sums:
        for line in _sum_lines(each, wrapped_at):
            yield (line, _STYLES[each.status])
    if any("somebody waits" in each.says for each in sums):
        yield (
            "  A wait is a lower bound: of first tries alone, served in the order in which they "
            "come; what is tried again, and what follows a purchase, makes it longer.",
            "dim",
        )
    if any(each.assumed for each in sums):
        yield (
            "  * rests on what the reference app was measured to need elsewhere: assumed here.",
            "dim",
        )


def behaviour(plan: Plan) -> Iterator[Line]:
    """Yield every value of what a plan's students do, with its basis and its source."""
    for row in behaviour_of(plan):
        key = row.key.removeprefix("students.")
        yield (
            f"{key:<16}{row.value:>7}  {row.basis if row.is_on else '':<9} {row.says}",
            "" if row.is_on else "dim",
        )
        if row.is_on and row.source != NO_SOURCE:
            yield (f"{' ' * 25}{row.source}", "dim")


def _headline(plan: Plan) -> Iterator[Line]:
    yield (f"{plan.name}: {plan.description}".removesuffix(": "), "bold")
    if plan.load is not None:
        return
    schedule, event = plan.schedule, plan.event
    yield (
        f"{counted(event.students, 'student')}{_of_the_invited(plan)}, "
        f"{counted(event.tickets, 'ticket')}, from T-0 − "
        f"{format_duration(schedule.lead)} to T-0 + {format_duration(schedule.sale)}, seed "
        f"{plan.seed}.",
        "",
    )
    yield (_who(plan), "")
    habits = [row for row in behaviour_of(plan) if row.is_on]
    measured = sum(row.basis == "measured" for row in habits)
    yield (
        f"{written(measured)} of the {counted(len(habits), 'value')} of what they do "
        f"{'is' if measured == 1 else 'are'} measured, the others are assumed: --behaviour lists "
        f"them.",
        "dim",
    )


def _of_the_invited(plan: Plan) -> str:
    invited = plan.event.invited
    return "" if invited is None else f" of {written(invited)} invited"


def _who(plan: Plan) -> str:
    """Return what kinds of students there are, in one line."""
    students, event = plan.students, plan.event
    shares = {
        "late": students.late,
        "not enrolled": students.outsiders,
        "double clickers": students.double_clickers,
        "bots": students.bots,
        "of the eager on several devices": students.multi_device,
        "of those waiting refresh": students.refreshers,
        "of those waiting by wrong clocks": students.wrong_clocks,
    }
    said = [f"{format_share(share)} {word}" for word, share in shares.items() if share]
    slots = students.slots(event.students)
    if slots > 1:
        said.append(
            f"{counted(slots, 'slot')} of {written(students.slot_size)}, one every "
            f"{format_duration(students.slot_every)}"
        )
    return f"Who: {', '.join(said) or 'all of them eager'}."


def _whole(plan: Plan, columns: int) -> tuple[float, float, int]:
    """Return where the graph of everything begins, how many seconds a column is, and how many."""
    lead_s, sale_s = plan.schedule.lead, plan.schedule.sale
    width_s = nice_width_s(lead_s + sale_s, columns - 1)  # T-0 begins a column: one more may do
    before, after = math.ceil(lead_s / width_s), math.ceil(sale_s / width_s)
    return -width_s * before, width_s, before + after


def _near_begin_s(times: Mapping[str, Times], columns: int) -> float:
    """Return where the near graph begins: a second before T-0, or before a peak far from it."""
    peak_s = busiest(TOGETHER, times[TOGETHER], SPAN_S).peak_s
    if -_BEFORE_S <= peak_s < columns * SPAN_S - _BEFORE_S:
        return -_BEFORE_S
    return round(peak_s) - _BEFORE_S


def _graph(
    title: str,
    times: Mapping[str, Times],
    columns: int,
    begin_s: float,
    width_s: float,
    per_s: float,
) -> Iterator[Line]:
    """Yield a graph with a line a step, each as high as its own greatest number, and all together.

    Args:
        per_s: the numbers are how many within so many seconds.
    """
    yield ("", "")
    yield (f"{title}; a column is {format_duration(width_s)}", "bold")
    for name, when in times.items():
        counts = counted_in(when, begin_s, width_s, columns)
        if not any(counts):
            continue
        lines = bars(counts, _HEIGHT if name == TOGETHER else 1)
        head = f"{name:<9}{written(round(max(counts) * per_s / width_s)):>{_LEFT - 10}} "
        for position, line in enumerate(lines):
            yield (f"{head if position == 0 else ' ' * _LEFT}{line}".rstrip(), "")
    yield (f"{' ' * _LEFT}{time_axis(begin_s, width_s, columns)}", "dim")


def _sum_lines(each: Sum, wrapped_at: int | None) -> list[str]:
    star = "*" if each.assumed else ""
    line = f"  {_WORDS[each.status]:<8}{each.name}{star}: {each.says}."
    if wrapped_at is None:
        return [line]
    return textwrap.wrap(line, wrapped_at, subsequent_indent=" " * 10)
