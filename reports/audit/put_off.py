"""Put off: students told that a ticket is being issued to them, who heard neither yes nor no of it.

A ledger that says whose its tickets are, or calls them as students were told, decides whether they
have one. Where none does nobody knows; then it counts how long they asked in vain. Who heard a yes
in the end may have waited long for it.
"""

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from dress_rehearsal.plans import format_duration
from dress_rehearsal.records.steps import TICKET
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.stores import durable_rows
from dress_rehearsal.reports.evidence.ticket_names import renamed
from dress_rehearsal.reports.numbers import integers
from dress_rehearsal.reports.words import agreeing, counted, seconds, written

_NO: Final = ("sold_out", "refused")
_NOTICED_S: Final = 2.0
"""Who waits for so long beside a pause between two questions notices."""
_FEWEST: Final = 5
"""So many at least: fewer were unlucky."""


def never_issued(evidence: Evidence) -> int:
    """Count the students who were put off and have no ticket, where a ledger decides that."""
    who, has = _unheard(evidence), _holders(evidence)
    return 0 if has is None else int((~has.reindex(who.index)).sum())


def put_off_problems(evidence: Evidence) -> Iterator[str]:
    """Yield a sentence where students asked in vain for longer than rows are waited for."""
    who = _unheard(evidence)
    if _holders(evidence) is not None or not evidence.timeline.as_planned:
        return
    settle_s = evidence.plan.schedule.settle
    waited_s = _waited_s(evidence, who)
    long = waited_s[waited_s > settle_s]
    if len(long):
        yield (
            f"Put off: {_were(len(long))} told that a ticket is being issued and heard neither yes "
            f"nor no, though they went on asking for more than {format_duration(settle_s)} (up to "
            f"{seconds(round(float(long.max()), 1))}). No ledger of the plan says whether they "
            f"have one: add [[ledgers]] with the tickets and whose they are."
        )


def put_off_notes(evidence: Evidence) -> Iterator[str]:
    """Yield in sentences who else was put off and heard no more, and who heard late."""
    yield from _heard_late(evidence)
    yield from _heard_nothing(evidence)


def _heard_late(evidence: Evidence) -> Iterator[str]:
    """Yield a sentence where holders waited for the ticket itself, which no latency shows.

    Of our own app the rows that are written late are told instead.
    """
    told = evidence.promises.students
    heard = told[told["pending"].notna() & told["pending_ns"].notna() & told["issued_ns"].notna()]
    if evidence.plan.target.ours or heard.empty:
        return
    waited_s = (integers(heard["issued_ns"]) - integers(heard["pending_ns"])) / NS_PER_S
    least_s = _NOTICED_S + evidence.plan.students.ticket_poll
    late = waited_s[waited_s >= least_s]
    if len(late) < max(_FEWEST, 0.01 * len(heard)):
        return
    yield (
        f"{written(len(late))} of {counted(len(heard), 'holder')} who were told that a ticket is "
        f"being issued heard of it {seconds(least_s)} later or more, the last of them "
        f"{seconds(round(float(late.max()), 1))} later. No latency has that time as a whole: each "
        f"answer in between counts by itself."
    )


def _heard_nothing(evidence: Evidence) -> Iterator[str]:
    """Yield in a sentence who else was put off and heard no more."""
    who, has = _unheard(evidence), _holders(evidence)
    if who.empty or any(put_off_problems(evidence)):
        return
    until = "until the sale closed" if evidence.timeline.as_planned else "until it ended"
    said = (
        f"{_were(len(who))} told that a ticket is being issued and heard neither yes nor no "
        f"{until}, up to {seconds(round(float(_waited_s(evidence, who).max()), 1))} later"
    )
    if has is None:
        yield f"{said}; no ledger of the plan says whether they have one."
    else:
        held = int(has.reindex(who.index).sum())
        have = agreeing(held, "has", "have")
        yield f"{said}; {written(held)} of them {have} one in {evidence.stores.durable}."


def _unheard(evidence: Evidence) -> pd.DataFrame:
    """Return the rows of the students who were put off and never heard of any ticket."""
    told = evidence.promises.students
    return told[told["open"].notna() & ~told["acked"] & ~told["outcome"].isin(_NO)]


def _holders(evidence: Evidence) -> "pd.Series[Any] | None":
    """Return which of those a ledger has a ticket of; None where none can say so."""
    durable, who = durable_rows(evidence.stores), _unheard(evidence)
    if durable is None:
        return None
    if "owners" in evidence.stores.known:
        return who["student"].isin(durable["student"])
    if "tickets" not in evidence.stores.known:
        return None
    names, told = set(durable["ticket"].dropna()), evidence.promises.students
    heard = told[told["acked"]]
    known = {name for names in heard["pending"].dropna() for name in names} | set(heard["ticket"])
    if names and not names & known:  # what students are told of may be called otherwise there
        return None
    put_off = {name for names in who["open"] for name in names}
    names |= set(renamed(names, put_off).values())
    return who["open"].map(lambda tickets: not names.isdisjoint(tickets)).astype(bool)


def _waited_s(evidence: Evidence, who: pd.DataFrame) -> "pd.Series[Any]":
    """Return for how long each asked on: from the first word of it to the last answer, in s."""
    pages = (evidence.requests["role"] == TICKET).to_numpy(dtype=bool)
    asked = evidence.requests.loc[pages, ["student", "done_ns"]]
    last_ns = asked.groupby("student")["done_ns"].max().reindex(who["student"])
    since_ns = integers(who["pending_ns"])
    waited_ns = integers(last_ns, missing=0) - since_ns
    return pd.Series(waited_ns.clip(min=0) / NS_PER_S, who.index)


def _were(number: int) -> str:
    return counted(number, "student was", "students were")
