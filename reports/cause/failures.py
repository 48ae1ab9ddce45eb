"""The failures: what most answers failed by where none was slow, and at which route and worker."""

from typing import Final

import numpy as np
import pandas as pd

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.cause.kills import kill_behind
from dress_rehearsal.reports.cause.slowest import BEFORE_T0_S, FEWEST
from dress_rehearsal.reports.cause.workers import FEWEST_TO_TELL, LITTLE
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.memory import kill_words
from dress_rehearsal.reports.words import counted, offset, percent, written

FAILED_SHARE: Final = 0.01
"""Of the requests from T-1 s on, or of all where the rush was stopped before: where more failed,
that is what there is to name."""
_NEARLY_ALL: Final = 0.8


def failures(evidence: Evidence, more_than: int = 0) -> str | None:
    """Return the cause in one line where answers failed, None where hardly any did.

    None too where no more failed than `more_than`.

    The route is named where nearly all of the word's failures are its; the worker where the others
    failed hardly any of theirs.
    """
    latency = evidence.latency
    decisive = (latency["intended_s"] >= -BEFORE_T0_S).to_numpy(dtype=bool)
    if not decisive.any():  # the rush was stopped before that
        decisive = np.ones(len(latency), dtype=bool)
    bad = (latency["outcome"] == "failed").to_numpy(dtype=bool)
    least = max(FEWEST, FAILED_SHARE * np.count_nonzero(decisive), more_than + 1)
    if evidence.t0_ns is None or np.count_nonzero(bad & decisive) < least:
        return None
    requests = evidence.requests.loc[decisive, ["step", "error", "worker", "intended_ns"]]
    rows = pd.DataFrame(
        {
            "step": requests["step"].astype("object"),
            "word": requests["error"].astype("object"),
            "worker": requests["worker"].astype("object").fillna(""),
            "failed": bad[decisive],
            "intended_ns": requests["intended_ns"],
        }
    )
    failed = rows[rows["failed"]]
    word = failed["word"].value_counts(dropna=False).index[0]
    mine = failed[failed["word"] == word] if pd.notna(word) else failed
    steps = mine["step"].value_counts()
    one_route = steps.iloc[0] >= _NEARLY_ALL * len(mine)
    if one_route:
        mine = mine[mine["step"] == steps.index[0]]
    asked = rows[rows["step"].isin([steps.index[0]] if one_route else steps.index)]
    where = str(steps.index[0]) if one_route else f"{written(len(steps))} routes"
    since = offset(round((float(mine["intended_ns"].min()) - evidence.t0_ns) / NS_PER_S, 2))
    kill = kill_behind(evidence, evidence.requests.loc[mine.index])
    why = "" if kill is None else f"; {kill_words(kill)}"
    return (
        f"Cause of failures: {_how_many(len(mine), len(failed))} {word}: "
        f"{written(len(mine))} of {counted(len(asked), 'request')} of {where}{_whose(asked, mine)} "
        f"from {since} on{why}."
    )


def _how_many(mine: int, failed: int) -> str:
    return "most of them" if 2 * mine > failed else "the most frequent of them"


def _whose(asked: pd.DataFrame, mine: pd.DataFrame) -> str:
    """Return the one worker whose failures they are, with the others' share; empty: several's."""
    answered = asked.loc[asked["worker"] != "", "worker"].value_counts()
    shares = mine["worker"].value_counts().reindex(answered.index, fill_value=0) / answered
    shares = shares[answered >= FEWEST_TO_TELL].sort_values(ascending=False)
    if len(shares) < 2 or shares.iloc[1] >= LITTLE * shares.iloc[0]:
        return ""
    return (
        f" in worker {shares.index[0]} alone ({percent(float(shares.iloc[0]))} of its requests, "
        f"elsewhere at most {percent(float(shares.iloc[1]))}),"
    )
