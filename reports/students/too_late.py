"""Answers that came too late: what the reference app's log says of tries to buy without an answer.

A student who gave a request up may have a ticket all the same, or would have been refused: to them
both look alike. The log holds the answers that took the app half a second or longer. Requests that
were cut, lost their connection or were needed no more had no answer for another reason than time.
"""

from typing import Final

import numpy as np

from dress_rehearsal.records.requests.logged import UNSAID, request_keys
from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import integers
from dress_rehearsal.reports.words import counted, written

_TIMED_OUT: Final = ("timeout",)


def too_late_notes(evidence: Evidence) -> list[str]:
    """Return a sentence on what became, in the app, of requests to buy that had no answer in time;
    none where the log knows of none of them."""
    if not len(evidence.logged.keys):
        return []
    rows = evidence.requests
    unanswered = (rows["role"] == PURCHASE) & (rows["status"] == 0) & rows["sent_ns"].notna()
    unanswered &= rows["error"].isin(_TIMED_OUT)
    asked = rows.loc[unanswered & rows["student"].notna(), ["student", "seq"]]
    keys = request_keys(integers(asked["student"]), integers(asked["seq"]))
    places = evidence.logged.places(keys)
    statuses, times = np.unique(
        evidence.logged.status[places[places != UNSAID]], return_counts=True
    )
    known = int(times.sum())
    if not known:
        return []
    often = np.argsort(-times, kind="stable")
    each = [f"{written(int(times[one]))} with status {statuses[one]}" for one in often]
    which = "it" if len(asked) == 1 else "all of them" if known == len(asked) else written(known)
    requests = counted(len(asked), "request to buy", "requests to buy")
    return [
        f"{requests} had no answer in time, and the app's log knows what became of {which}: "
        f"answered, too late, {', '.join(each)}."
    ]
