"""New connections: whether only those waited who came by one.

What a target does for each of them (a handshake, a name looked up, a thread or a session made) is
lost by its first request alone, whatever that asks for. Where those on connections that were open
already are answered at once in the same seconds, neither a lack of processors nor the step is why.
Where the first requests of other steps are quick it is no connection's doing: a second click may
wait for the first of the same student.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.reports.cause.slowest import Slowest
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import integers, percentile
from dress_rehearsal.reports.words import milliseconds, written

MOST_SHARE: Final = 0.9
"""So many of the slowest have to be the first of their connection."""
QUICK_SHARE: Final = 0.1
"""Nine of ten others have to be done in so much of the time that the slowest took."""
FEWEST_OTHERS: Final = 5
"""So many first requests of other steps have to have been sent meanwhile."""
SLOW_SHARE: Final = 0.5
"""So long, of what the slowest took, the middle one of them has to have taken."""
FEWEST_KEPT: Final = 30
"""Of fewer others, sent meanwhile, nothing is concluded."""


def only_new_connections(evidence: Evidence, slow: Slowest) -> str:
    """Return in words that only requests on new connections waited; empty where others did too."""
    rows = slow.rows
    places = slow.places[rows.index]
    is_new = evidence.requests["new_connection"].fillna(False).to_numpy(dtype=bool)
    fresh = int(is_new[places].sum())
    if fresh < MOST_SHARE * len(rows):
        return ""
    step = evidence.latency["step"].astype("object").to_numpy()
    own = np.isin(step, np.unique(step[places]))
    sent_ns = integers(evidence.requests["sent_ns"], missing=-1)
    meanwhile = (sent_ns >= rows["sent_ns"].min()) & (sent_ns <= rows["done_ns"].max())
    kept_ms = _took_ms(evidence, own & ~is_new & meanwhile)
    others_ms = _took_ms(evidence, ~own & is_new & meanwhile)
    if len(kept_ms) < FEWEST_KEPT or len(others_ms) < FEWEST_OTHERS:
        return ""
    most_ms = percentile(kept_ms, 90)
    median_ms = float(np.median((rows["done_ns"] - rows["sent_ns"]).to_numpy() / 1e6))
    if most_ms > QUICK_SHARE * median_ms or np.median(others_ms) < SLOW_SHARE * median_ms:
        return ""
    return (
        f"{written(fresh)} of these {written(len(rows))} were the first on their connection, and "
        f"nine of ten on connections that were open already took {milliseconds(round(most_ms, 1))} "
        f"or less: it is lost before a new connection is served, as by a handshake or for want of "
        f"a free worker"
    )


def _took_ms(evidence: Evidence, which: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how long some requests took from when they were sent, where that is known."""
    took_ms: NDArray[np.float64] = evidence.latency.values("system_ms", which)
    return took_ms[~np.isnan(took_ms)]
