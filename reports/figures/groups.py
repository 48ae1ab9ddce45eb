"""Figure: what came of the students, by what they have in common."""

from collections.abc import Sequence
from typing import Final

from dress_rehearsal.reports.figures.drawing import Drawing, Missing
from dress_rehearsal.reports.figures.palette import GREEN, MUTED, SKY, VERMILLION
from dress_rehearsal.reports.figures.stacks import Bar, Legend, draw_stacks
from dress_rehearsal.reports.part import Group
from dress_rehearsal.reports.words import counted, milliseconds, percent, written

_ENDS: Final = (
    Legend(GREEN, "ticket"),
    Legend(SKY, "sold out"),
    Legend(MUTED, "refused"),
    Legend(VERMILLION, "no good end"),
)
_HEADINGS: Final = {
    "journey": "By journey",
    "devices": "By how many devices they used",
    "login": "By when they first logged in",
    "arrival": "By when they came, in tenths of the students",
    "early_click": "By whether a click of theirs was refused as too early",
}


def draw_groups(groups: Sequence[Group]) -> Drawing | Missing:
    """Return a bar a group: the shares of its ends, and how long its slowest 1% waited to buy."""
    name, heading = "groups", "Who got what"
    if not groups:
        return Missing(name, heading, "No student is on record, so there is nobody to compare.")
    shown: set[str] = set()
    bars = []
    for group in groups:
        words = f"{written(group.ticket)} of {written(group.students)}"
        if group.p99 is not None:
            words += f"; p99 {'≥ ' if group.at_least else ''}{milliseconds(group.p99)}"
        ends = (group.ticket, group.sold_out, group.refused, group.no_good_end)
        shares = [100 * end / group.students for end in ends]
        first = "" if group.by in shown else _HEADINGS[group.by]
        shown.add(group.by)
        bars.append(Bar(group.group, shares, words, first))
    caption = (
        "Each bar is all students of a group; at its end, how many of them got a ticket, and "
        "within how long 99% of their clicks to buy were answered, where there were enough to "
        "tell (≥: requests were given up that took no longer). A group that gets none is no wrong "
        "by itself where it came after the last ticket went, or may not buy."
    )
    return draw_stacks(name, heading, _finding(groups), caption, _ENDS, bars)


def _finding(groups: Sequence[Group]) -> str:
    """Return which of the journeys and tenths got least, and most, and how many ended badly."""
    bad = sum(group.no_good_end for group in groups if group.by == "journey")
    everybody = sum(group.students for group in groups if group.by == "journey")
    tenths = [group for group in groups if group.by == "arrival"]
    said = (
        f"{written(bad)} of {counted(everybody, 'student')} had no good end"
        if bad
        else f"{_all(everybody)} ended with a ticket, sold out or refused"
    )
    if len(tenths) < 2:
        return said
    share = {group.group: group.ticket / group.students for group in tenths}
    first, last = tenths[0].group, tenths[-1].group
    return (
        f"{said}; of the first tenth to come {percent(share[first])} got a ticket, of the last "
        f"{percent(share[last])}"
    )


def _all(students: int) -> str:
    return "The one student" if students == 1 else f"All {counted(students, 'student')}"
