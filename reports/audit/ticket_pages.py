"""The wrongs of a holder's own page: another's number, another's ticket, another's QR code.

false_number  holders shown another number than their ticket has in the durable store, one that
              another holder was shown too, or another ticket than was theirs
wrong_code    holders given the same QR code as another holder, or shown another's ticket by it (or
              by the answer that was to show it)

Each counts students.
"""

from typing import Any

import numpy as np
import pandas as pd

from dress_rehearsal.records.steps import CODE, PURCHASE, TICKET
from dress_rehearsal.reports.audit.said import Said
from dress_rehearsal.reports.evidence.stores import among
from dress_rehearsal.reports.words import counted, written

Wrong = tuple[int | None, str]


def holder_wrongs(said: Said) -> dict[str, Wrong]:
    """Return the counters of this module; those of which nothing was shown are left out."""
    if said.evidence.requests.empty:
        return {}
    return {**_numbers(said), **_codes(said)}


def _numbers(said: Said) -> dict[str, Wrong]:
    shown = said.known("told_number") & said.at(TICKET, PURCHASE)
    stores = said.evidence.stores
    # What a foreign target means by a number is known only where its store has it too.
    foreign = not said.evidence.plan.target.ours
    if not shown.any() or (foreign and stores.durable not in stores.holdings):
        return {}
    pages = _shown(said, shown, "number")
    strange = _strange(said, pages)
    shared = _second(pages, "number")
    durable = stores.holdings.get(stores.durable)
    other = pages[:0]
    if durable is not None:
        rows = durable[durable["number"].notna()]
        known = pages["ticket"].isin(rows["ticket"]).to_numpy(dtype=bool)
        other = pages[known & ~among(pages, rows, "number")]
    who = np.unique(np.concatenate([each["student"] for each in (strange, shared, other)]))
    parts = (
        (other, f"not the one in {stores.durable}"),
        (shared, "one that another was shown too"),
        (strange, "on another's ticket"),
    )
    return {
        "false_number": (
            len(who) or (None if durable is None else 0),
            f"Wrong numbers: {counted(len(who), 'holder was', 'holders were')} shown a ticket's "
            f"number that is not theirs ({_reasons(parts)}).",
        )
    }


def _codes(said: Said) -> dict[str, Wrong]:
    given = said.known("told_code") & (said.role == CODE)
    if not given.any():
        return {}
    codes = _shown(said, given, "code")
    strange, shared = _strange(said, codes[codes["ticket"] != ""]), _second(codes, "code")
    who = np.unique(np.concatenate([strange["student"], shared["student"]]))
    parts = ((strange, "another's ticket in it"), (shared, "the same that another was given"))
    holders = counted(len(who), "holder was", "holders were")
    sentence = f"Wrong QR codes: {holders} given a code that is not theirs ({_reasons(parts)})."
    if len(who) == strange["student"].nunique():
        sentence = f"Others' tickets shown: {holders} shown another's ticket on opening their own."
    return {"wrong_code": (len(who), sentence)}


def _second(shown: pd.DataFrame, what: str) -> pd.DataFrame:
    """Return what students were shown that somebody had been shown before."""
    each = shown.drop_duplicates(["student", what])
    return each[each[what].duplicated()]


def _strange(said: Said, shown: pd.DataFrame) -> pd.DataFrame:
    """Return what names a ticket that the student was not told of.

    Of a target that is not ours only where somebody else was told of it: what looks like a ticket's
    id may be something else.
    """
    bought = said.at(PURCHASE) & said.known("told_ticket")
    answers = pd.DataFrame({"student": said.student[bought], "ticket": said.tickets_by(bought)})
    told = said.evidence.promises.named[["student", "ticket"]]
    promised = pd.concat([told, answers[answers["ticket"] != ""]])
    named = shown["ticket"] != ""
    if not said.evidence.plan.target.ours:
        named = shown["ticket"].isin(promised["ticket"])
    return shown[named & ~among(shown, promised)]


def _shown(said: Said, which: Any, what: str) -> pd.DataFrame:
    """Return what some answers showed, each once: student, what is named, ticket."""
    rows = pd.DataFrame(
        {
            "student": said.student[which],
            what: said.told_by(f"told_{what}", which).to_numpy(dtype="int64"),
            "ticket": pd.Series(said.tickets_by(which), dtype="object"),
        }
    )
    return rows.drop_duplicates()


def _reasons(parts: Any) -> str:
    counts = ((rows["student"].nunique(), words) for rows, words in parts)
    return ", ".join(f"{written(count)} {words}" for count, words in counts if count)
