"""What students felt of their requests, and which requests count as felt.

The generator's histograms of a run that goes on and the report's percentiles both ask here, so
that they speak of the same requests.

Which requests count: answers (`ok`, `refused`), and requests nobody answered, for as long as they
were waited for: every `unknown` one, and a `failed` one without an answer (status 0) after at
least `WAITED_IN_VAIN_NS`. Their `done_ns` is the time of giving up, so their latency is a lower
bound; left out they would make the slowest vanish. Quick failures (503, connection refused) are
counted apart: they would make a broken service look fast.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.records.tables import NS_PER_S, OUTCOMES, STEPS, STREAM

WAITED_IN_VAIN_NS: Final = NS_PER_S

_STREAM: Final = STEPS.index(STREAM)
_FAILED: Final = OUTCOMES.index("failed")
_COUNTED: Final = [OUTCOMES.index(word) for word in ("ok", "refused", "unknown")]


class Felt(NamedTuple):
    """What was felt of each request.

    Attributes:
        answered_ns: when its answer was there, or waiting for one ended; -1 where neither is known.
        counts: whether its latency, `answered_ns - intended_ns`, belongs in percentiles.
    """

    answered_ns: NDArray[np.int64]
    counts: NDArray[np.bool_]


def felt_of(columns: Mapping[str, NDArray[np.int64]]) -> Felt:
    """Return when each request was answered, and whether it counts.

    An event stream is answered when its first bytes come: it stays open on purpose.

    Args:
        columns: `intended_ns`, `first_byte_ns`, `done_ns`, `step`, `status` and `outcome` of
            `tables.REQUESTS`, -1 for null; a step or an outcome is its place in `tables.STEPS` or
            `tables.OUTCOMES`, -1 where it is not among them.
    """
    streamed = (columns["step"] == _STREAM) & (columns["first_byte_ns"] >= 0)
    answered_ns = np.where(streamed, columns["first_byte_ns"], columns["done_ns"])
    waited_ns = answered_ns - columns["intended_ns"]
    outcome = columns["outcome"]
    in_vain = (outcome == _FAILED) & (columns["status"] == 0) & (waited_ns >= WAITED_IN_VAIN_NS)
    known = (answered_ns >= 0) & (columns["intended_ns"] >= 0)
    return Felt(answered_ns, (np.isin(outcome, _COUNTED) | in_vain) & known)
