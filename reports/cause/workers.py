"""The workers: whether the requests came to them evenly, and whether one was slower than the rest.

The kernel deals out connections without asking who is busy, and a connection stays with its worker:
a few that last, or all of the first seconds, may end with one of them.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dress_rehearsal.records.steps import PURCHASE
from dress_rehearsal.reports.cause.slowest import BEFORE_T0_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import percentile, rounded, words_of
from dress_rehearsal.reports.words import counted, milliseconds, percent, written

UNEVEN: Final = 1.3
"""A worker that gets more than this many times its fair share has most of the work."""
LITTLE: Final = 1 / 3
"""Who has less than this share of what the worst has is spared."""
FEWEST_TO_TELL: Final = 10
"""Of fewer requests nothing is said."""
SLOWER: Final = 2.0
_SLOWER_MS: Final = 100.0
"""A worker is slower whose slow purchases take this many times as long, and so much longer."""
_FEWEST: Final = 100
"""With fewer requests in all, an uneven share is the hash's whim."""
_FEWEST_PURCHASES: Final = 30


def share_of_all(workers: "pd.Series[str] | pd.Categorical") -> "pd.Series[float]":
    """Return each worker's share of some requests, the largest first; unknown workers left out."""
    times = pd.Series(workers).value_counts()
    times = times[(times.index != "") & (times > 0)]
    return times / times.sum()


def worker_notes(evidence: Evidence) -> Iterator[str]:
    """Yield a sentence where one worker got most requests, and where one was slower, by numbers."""
    latency = evidence.latency
    late = latency.values("intended_s") >= -BEFORE_T0_S
    workers = words_of(evidence.requests["worker"], "")
    answered = workers[late & (workers != "")]
    shares = share_of_all(answered)
    if len(shares) < 2 or len(answered) < _FEWEST:
        return
    if shares.iloc[0] > UNEVEN / len(shares):
        opened = workers[evidence.requests["new_connection"].fillna(False).to_numpy(dtype=bool)]
        busiest = str(shares.index[0])
        mine = int((opened == busiest).sum())
        yield (
            f"Uneven workers: {busiest}, one of {written(len(shares))}, answered "
            f"{percent(float(shares.iloc[0]))} of {counted(len(answered), 'request')} around and "
            f"after T-0, and {written(mine)} of {counted(int((opened != '').sum()), 'connection')} "
            f"were made to it."
        )
    yield from _slower(evidence, workers, late)


def _slower(evidence: Evidence, workers: pd.Categorical, late: NDArray[np.bool_]) -> Iterator[str]:
    latency = evidence.latency
    bought = (latency["role"] == PURCHASE).to_numpy(dtype=bool) & latency.values("counts") & late
    felt_ms, of = latency.values("felt_ms", bought), workers[bought]
    felt = {str(worker): felt_ms[of == worker] for worker in sorted(of.categories) if worker}
    tenth = {
        worker: (len(values), percentile(values, 90))
        for worker, values in felt.items()
        if len(values) >= _FEWEST_PURCHASES
    }
    if len(tenth) < 2:
        return
    slowest = max(tenth, key=lambda worker: tenth[worker][1])
    count, p90_ms = tenth.pop(slowest)
    others_ms = max(value for _, value in tenth.values())
    if p90_ms < SLOWER * others_ms or p90_ms - others_ms < _SLOWER_MS:
        return
    yield (
        f"Worker {slowest} was slower than the {'other' if len(tenth) == 1 else 'others'}: a tenth "
        f"of its {counted(count, 'purchase')} took {milliseconds(rounded(p90_ms, 1))} or longer, "
        f"against {milliseconds(rounded(others_ms, 1))} for "
        f"{written(sum(number for number, _ in tenth.values()))} elsewhere."
    )
