"""What students felt of their requests, and which requests count as felt.

The generator's histograms of a run that goes on and the report's percentiles both ask here, so
that they speak of the same requests.

Every request counts that somebody waited for, whatever came of it: an answer (`ok`, `refused`), an
error however quick or slow (`failed`), or nothing (`unknown`). Where nothing came, `done_ns` is the
time of giving up, so the latency is a lower bound. Left out, failures would make the slowest
vanish: a service that answers 503 after 8 s has made its students wait for 8 s. Those that fail
quickly make a broken service look fast, so they are counted beside every percentile, and the
percentile of what was answered well stands there too.

Only what was abandoned does not count: its student needed the answer no more.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.records.tables import OUTCOMES


class Felt(NamedTuple):
    """What was felt of each request.

    Attributes:
        answered_ns: when its answer was there, or waiting for one ended; -1 where neither is known.
        counts: whether its latency, `answered_ns - intended_ns`, belongs in percentiles.
    """

    answered_ns: NDArray[np.int64]
    counts: NDArray[np.bool_]


def felt_of(
    columns: Mapping[str, NDArray[np.int64]],
    streams: NDArray[np.bool_],
    abandoned: NDArray[np.bool_],
) -> Felt:
    """Return when each request was answered, and whether it counts.

    An event stream is answered when its first bytes come: it stays open on purpose.

    Args:
        columns: `intended_ns`, `first_byte_ns`, `done_ns` and `outcome` of `tables.REQUESTS`, -1
            for null; an outcome is its place in `tables.OUTCOMES`, -1 where it is not among them.
        streams: which are event streams, by the role of their step.
        abandoned: whose `error` is `tables.ABANDONED`.
    """
    answered_ns = answered_at(columns["first_byte_ns"], columns["done_ns"], streams)
    outcome = columns["outcome"]
    known = (answered_ns >= 0) & (columns["intended_ns"] >= 0)
    ended = (outcome >= 0) & (outcome < len(OUTCOMES))
    return Felt(answered_ns, ended & known & ~abandoned)


def answered_at(
    first_byte_ns: NDArray[np.int64], done_ns: NDArray[np.int64], streams: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return when each request was answered: `Felt.answered_ns`, of what `felt_of` is given."""
    return np.where(streams & (first_byte_ns >= 0), first_byte_ns, done_ns)
