"""Answers that came too late: what the reference app's log says of requests that timed out.

A student who gave a request up may have a ticket all the same, or would have been refused: to them
both look alike. The log holds the answers that took the app half a second or longer. Requests that
were cut, lost their connection or were no longer needed had no answer for another reason than time.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.records.requests.logged import UNSAID, request_keys
from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import integers
from dress_rehearsal.reports.words import counted, written

_TIMED_OUT: Final = ("timeout",)


def too_late_notes(evidence: Evidence) -> list[str]:
    """Return a sentence on what became, in the app, of requests to buy that had no answer in time,
    and one for each other step that had such; none where the log knows of none of them."""
    if not len(evidence.logged.keys):
        return []
    return [*_notes(evidence)]


def _notes(evidence: Evidence) -> Iterator[str]:
    rows = evidence.requests
    timed_out = (rows["status"] == 0) & rows["sent_ns"].notna() & rows["student"].notna()
    late = rows.loc[timed_out & rows["error"].isin(_TIMED_OUT), ["student", "seq", "role", "step"]]
    buying = late["role"] == PURCHASE
    if buying.any():
        yield from _note(evidence, late[buying], "to buy")
    steps = late.loc[~buying, "step"].astype("object")
    for step in sorted(steps.dropna().unique()):
        yield from _note(evidence, late.loc[steps.index[steps == step]], f"of {step}")


def _note(evidence: Evidence, asked: Any, which: str) -> Iterator[str]:
    """Yield what the log knows of requests that timed out, if it does of any."""
    keys = request_keys(integers(asked["student"]), integers(asked["seq"]))
    places = evidence.logged.places(keys)
    places = places[places != UNSAID]
    statuses, times = np.unique(evidence.logged.status[places], return_counts=True)
    known = len(places)
    if not known:
        return
    often = np.argsort(-times, kind="stable")
    each = [f"{written(int(times[one]))} with status {statuses[one]}" for one in often]
    of_them = "it" if len(asked) == 1 else "all of them" if known == len(asked) else written(known)
    requests = counted(len(asked), f"request {which}", f"requests {which}")
    yield (
        f"{requests} had no answer in time, and the app's log knows what became of {of_them}: "
        f"answered, too late, {', '.join(each)}{_by(evidence, places)}."
    )


def _by(evidence: Evidence, places: NDArray[np.int64]) -> str:
    """Return which worker answered them, where it was one, of several; empty otherwise."""
    if "worker" not in evidence.logged.columns:
        return ""
    workers = {*evidence.logged.columns["worker"][places]}
    (worker, *others) = workers
    if others or worker is None or evidence.plan.app.workers == 1:
        return ""
    return f"{', all' if len(places) > 1 else ','} by worker {worker}"
