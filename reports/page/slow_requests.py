"""The slowest requests as the page lists them, with the lines that servers logged of them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.plans.shown import HIDDEN
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.reports.cause.attribution import within
from dress_rehearsal.reports.cause.bands import requests_asked
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.page.log_lines import LogLines, find_lines
from dress_rehearsal.reports.page.slow_groups import LATE_MS, groups_words
from dress_rehearsal.reports.part import SlowRequest
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.words import (
    counted,
    felt,
    milliseconds,
    offset,
    percent,
    resource_words,
    written,
)

_KINDS: Final = {True: ("other request", "other requests"), False: ("request", "requests")}
"""What requests are called that buy nothing, by whether any other buys."""


class SlowLine(NamedTuple):
    """One of the slowest requests in words."""

    took: str
    step: str
    when: str
    mostly: str
    end: str
    tone: str
    student: str
    worker: str
    trace: str
    lines: list[str]


class SlowList(NamedTuple):
    """Some of the slowest requests, out of how many they are, and what they have in common."""

    heading: str
    requests: list[SlowLine]
    summary: str = ""


def find_slow_lines(run: RunDirectory, evidence: Evidence, verdict: Verdict) -> LogLines:
    """Return what the run's logs say of the slowest requests."""
    traces = [each.trace for each in verdict.slowest if each.trace is not None]
    ours = evidence.plan.target.ours
    return find_lines(run.logs, traces, evidence.timeline.zero_ns, ours=ours)


def slow_lists(evidence: Evidence, verdict: Verdict, lines: LogLines) -> list[SlowList]:
    """Return the slowest requests in words: those to buy first, then those of other steps; a list
    of none is left out."""
    asked = requests_asked(evidence)
    bought = set() if evidence.plan.load is not None else set(verdict.purchases)
    buying = [each for each in verdict.slowest if each.step in bought]
    others = [each for each in verdict.slowest if each.step not in bought]
    of_what = (
        (buying, _heading(buying, asked.buying, "request to buy", "requests to buy")),
        (others, _heading(others, asked.others, *_KINDS[bool(bought)])),
    )
    return [
        SlowList(heading, [_slow_line(each, lines) for each in own], groups_words(own))
        for own, heading in of_what
        if own
    ]


def _heading(listed: Sequence[SlowRequest], asked: NDArray[np.bool_], one: str, many: str) -> str:
    """Return what a list is of: "The slowest 20 of 16,292 requests to buy"."""
    every = int(asked.sum())
    if len(listed) >= every:
        return f"The only {one}" if every == 1 else f"All {counted(every, one, many)}"
    return f"The slowest {written(len(listed))} of {counted(every, one, many)}"


def _slow_line(each: SlowRequest, lines: LogLines) -> SlowLine:
    bad = each.outcome in ("failed", "unknown")
    return SlowLine(
        took=felt(each.felt_ms),
        step=each.step,
        when=f"intended at {offset(each.at_s)}{_late(each)}",
        mostly=_mostly(each, logged=bool(lines.by_trace.get(each.trace or ""))),
        end=f"{each.outcome}: {each.error}" if each.error else each.outcome,
        tone="found" if bad else "",
        student="" if each.student is None else written(each.student),
        worker=each.worker or "",
        trace=each.trace or "",
        lines=lines.by_trace.get(each.trace or "", []),
    )


def _late(each: SlowRequest) -> str:
    """Return how late it was sent, where that is much: it is no time of the target's."""
    late_ms = each.parts.get("generator", 0.0)
    if late_ms < LATE_MS:
        return ""
    return f", the test sent it {milliseconds(round(late_ms, 1))} too late"


def logged_words(verdict: Verdict, lines: LogLines, *, ours: bool) -> str:
    """Return what of these requests is in the logs, and why nothing is.

    Args:
        ours: whether the target is the reference app, which logs what took it half a second.
    """
    number = len(verdict.slowest)
    if number and all(each.trace is None for each in verdict.slowest):
        return (
            "A Locust file sends its requests itself: they carry no trace id of this run, so none "
            "of them can be found in a server's log."
        )
    cut = f" Of {', '.join(lines.cut)} only a part was read." if lines.cut else ""
    if lines.found:
        more = (
            "" if lines.found == number else " The app logs what took it half a second or longer."
        )
        of = f"{written(lines.found)} of these {counted(number, 'request')}"
        return (
            f"The logs of this run have a line of {of}, by trace id.{more if ours else ''} What "
            f"looks like a secret in them, or says who somebody is, is hidden ({HIDDEN}).{cut}"
        )
    if not lines.files:
        return f"This run has no server's logs, so nothing can be said of what a server saw.{cut}"
    if ours:
        return (
            "The logs of this run have no line of these: the app logs each answer that took it "
            f"half a second or longer, and a request that it never answered has none.{cut}"
        )
    carried = "are those of other requests" if lines.traced else "are not in them"
    return (
        f"The logs of this run have no line of these; trace ids {carried}. Each request carries "
        f"one in its `traceparent` header: an app that logs it can be asked what it did.{cut}"
    )


def _mostly(each: SlowRequest, *, logged: bool) -> str:
    """Return the part that took most of a request's time, as far as its answer said so.

    Args:
        logged: whether a log line of it is shown, which knows what no answer said.
    """
    if not each.parts:
        return "where its time went is not known"
    if each.estimated:
        below = "; its log line says what the server knew" if logged else ""
        unanswered = each.outcome == "unknown"
        why = "given up before an answer came" if unanswered else "its answer does not say it"
        return f"{why}, so where its time went is not known{below}"
    part = max(each.parts, key=lambda name: each.parts[name])
    share = percent(round(each.parts[part] / max(each.felt_ms, 1e-9), 2))
    waited = within(each.parts, each.said)
    return f"{share} in {resource_words(part)}{f', {waited.words}' if waited else ''}"
