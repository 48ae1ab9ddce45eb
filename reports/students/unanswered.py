"""A sale that answered nobody well: it failed for everybody, or nothing was learnt about it."""

from typing import Final

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.words import counted

_SERVER_ERROR: Final = 500
_TOLD: Final = ("ticket", "sold_out")
"""What students end as who were told so by a click; others may not have got that far."""


def failed_for_all(evidence: Evidence) -> list[str]:
    """Return a sentence where every try to buy was answered with a server's error.

    Who gives up after one counts as having given up, which no gate minds by itself.
    """
    tries = evidence.buying.ends
    statuses = evidence.requests.loc[tries, "status"].fillna(0)
    if evidence.t0_ns is None or statuses.empty or not (statuses >= _SERVER_ERROR).all():
        return []
    words = evidence.requests.loc[tries, "error"].astype("object").value_counts()
    said = f" ({words.index[0]})" if len(words) == 1 else ""
    tried = f"all {counted(len(statuses), 'try', 'tries')}" if len(statuses) > 1 else "the one try"
    return [f"Nobody was able to buy: {tried} failed{said}."]


def unanswered_sale(evidence: Evidence) -> list[str]:
    """Return a sentence when nothing was learnt about buying, though somebody was meant to."""
    meant = evidence.plan.schedule.sale > 0 and bool(evidence.students["enrolled"].any())
    frame, stopped_ns = evidence.latency, evidence.timeline.stopped_ns
    told = int(evidence.students["outcome"].astype("object").isin(_TOLD).sum())
    if not meant or evidence.t0_ns is None or (frame.empty and not told):
        return []
    answered = frame["answered"][evidence.buying.ends]
    if answered.any() or failed_for_all(evidence):
        return []
    if not answered.empty:
        return [
            f"Nobody's try to buy was answered well ({counted(len(answered), 'try', 'tries')} "
            f"recorded), so nothing is known about the sale."
        ]
    if stopped_ns is not None and stopped_ns < evidence.t0_ns:
        return []  # nobody was to buy yet
    if told and not evidence.plan.bundled:
        return [
            f"{counted(told, 'student was', 'students were')} given a ticket or sent away and no "
            f"request to buy was recorded, so nothing is known about the sale: what a scenario "
            f"sends without self.client is not measured."
        ]
    if frame.empty:
        return []
    return ["Nobody got as far as trying to buy, so nothing is known about the sale."]
