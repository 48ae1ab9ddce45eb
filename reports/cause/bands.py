"""Where the slowest 1% of a step's requests spent their time; and the requests that the target took
longest for: twenty of those that buy, and twenty of all others."""

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dress_rehearsal.records.environment import RUN
from dress_rehearsal.records.requests.trace_ids import TraceIds
from dress_rehearsal.records.steps import PURCHASE, STREAM
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.cause.decomposition import RECORDED_PARTS, decompose, parts_in
from dress_rehearsal.reports.cause.load import Load
from dress_rehearsal.reports.cause.server_timing import said_means, said_parts
from dress_rehearsal.reports.cause.slowest import Slowest
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import rounded
from dress_rehearsal.reports.part import Band, BandName, SlowRequest

MOST: Final = 20
"""So many of the slowest requests to buy are listed, and of all others."""
_AT_ONCE: Final = 1 << 18
"""Requests that are looked at together."""
FEWEST: Final = 5
"""Of fewer requests there is no mean: one alone would be it."""
_BANDS: Final[dict[BandName, float]] = {"slowest 1%": 0.01, "slowest 10%": 0.1, "all": 1.0}
_LEAST_MS: Final = 0.05
"""A part of less is as good as none."""


def bands_of(evidence: Evidence, slow: Slowest) -> tuple[Band, ...]:
    """Return where a step's requests spent their time: the slowest 1%, the slowest tenth, all."""
    felt = slow.every["felt_ms"].to_numpy()
    order = np.argsort(-felt, kind="stable")
    names = parts_in(slow.every)
    found = []
    for band, share in _BANDS.items():
        own = order[: int(np.ceil(share * len(order)))]
        parts, said = {}, {}
        silent = int(slow.every["silent"].to_numpy()[own].sum())
        if len(own) >= FEWEST:
            parts = _worth({name: float(slow.every[name].to_numpy()[own].mean()) for name in names})
            said = _worth(said_means(evidence, np.sort(slow.places[own])))
        felt_ms = rounded(float(felt[own].mean())) if parts else None
        found.append(
            Band(
                step=slow.step,
                band=band,
                requests=len(own),
                estimated=silent,
                felt_ms=felt_ms,
                parts=parts,
                said=said if _any_said(said) else {},
            )
        )
    return tuple(found)


def _worth(means: Mapping[str, float]) -> dict[str, float]:
    """Return those parts of which there is anything to speak of."""
    return {name: rounded(ms) or 0.0 for name, ms in means.items() if ms >= _LEAST_MS}


def _any_said(said: Mapping[str, float]) -> bool:
    """Return whether any answer said where its request's time went in the target."""
    return not said.keys() <= {*RECORDED_PARTS}


class Asked(NamedTuple):
    """Which requests may be listed among the slowest (bool arrays, a place a request).

    Attributes:
        buying: those of the steps that are for buying; none in a load without students.
        others: those of every other step but streams, which stay open on purpose.
    """

    buying: NDArray[np.bool_]
    others: NDArray[np.bool_]


def requests_asked(evidence: Evidence) -> Asked:
    """Return the requests that students, or users, waited for: those that count in latencies."""
    latency = evidence.latency
    asked = latency["counts"].to_numpy(dtype=bool) & latency["step"].notna().to_numpy(dtype=bool)
    asked = asked & (latency["role"] != STREAM).to_numpy(dtype=bool)
    if evidence.plan.load is not None:
        return Asked(np.zeros(len(asked), dtype=bool), asked)
    asked = asked & evidence.requests["student"].notna().to_numpy(dtype=bool)
    buying = asked & (latency["role"] == PURCHASE).to_numpy(dtype=bool)
    return Asked(buying, asked & ~buying)


def slowest_requests(evidence: Evidence, load: Load | None) -> tuple[SlowRequest, ...]:
    """Return the slowest requests to buy, the slowest first, and after them those of other steps.

    By what the target took, from sending on: whom a late generator kept waiting the longest was not
    served the slowest, and the servers' logs know nothing of that.

    Apart, for at T-0 logins may well be slower than any purchase: of what is sold none would stand
    there.

    Args:
        load: what loops and pools did meanwhile; None where it is not known.
    """
    felt = evidence.latency.values("felt_ms")
    system = evidence.latency.values("system_ms")
    left = ~np.isnan(system)  # of what was cut before it did, the target took nothing
    found = [_slowest(system, asked & left) for asked in requests_asked(evidence)]
    slowest = np.concatenate(found)
    chosen = np.zeros(len(felt), dtype=bool)
    chosen[slowest] = True
    parts = pd.DataFrame()
    if load is not None and len(slowest):
        parts = decompose(evidence, load, chosen)
        parts = parts.set_index(np.flatnonzero(chosen))[[*parts_in(parts), "silent"]]
    said = said_parts(evidence, slowest)
    rows = evidence.requests.iloc[slowest]
    traces = TraceIds(evidence.environment.get(RUN, evidence.run))
    return tuple(
        _request(
            evidence,
            traces,
            row,
            float(felt[place]),
            parts.loc[place] if len(parts) else None,
            dict(zip(said.columns, own, strict=True)),
        )
        for place, row, own in zip(
            slowest, rows.itertuples(index=False), said.to_numpy(), strict=True
        )
    )


def _slowest(took: NDArray[np.float64], asked: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the places of the slowest of some requests, the slowest first."""
    there = np.flatnonzero(asked & (took >= _least(took, asked)))
    return there[np.argsort(-took[there], kind="stable")][:MOST]


def _least(took: NDArray[np.float64], asked: NDArray[np.bool_]) -> float:
    """Return the least that one of the slowest of some requests took; looks at few at a time."""
    longest = np.empty(0)
    for first in range(0, len(took), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        longest = np.sort(np.append(longest, took[part][asked[part]]))[-MOST:]
    return float(longest[0]) if len(longest) == MOST else -math.inf


def _request(
    evidence: Evidence,
    traces: TraceIds,
    row: Any,
    felt_ms: float,
    parts: "pd.Series[float] | None",
    told: Mapping[str, float],
) -> SlowRequest:
    student = None if pd.isna(row.student) else int(row.student)
    seq = 0 if pd.isna(row.seq) else int(row.seq)
    silent = parts is not None and bool(parts["silent"])
    spent, said = {}, {}
    if parts is not None:
        spent = {str(name): float(ms) for name, ms in parts.items() if name != "silent"}
        said = _worth(told)
    return SlowRequest(
        trace=None if student is None else traces.trace_id(student, seq),
        student=student,
        step=str(row.step),
        at_s=round((int(row.intended_ns) - evidence.timeline.zero_ns) / NS_PER_S, 3),
        felt_ms=rounded(felt_ms) or 0.0,
        outcome=str(row.outcome),
        error=None if pd.isna(row.error) else str(row.error),
        worker=None if pd.isna(row.worker) else str(row.worker),
        estimated=silent,
        parts=_worth(spent),
        said=said if _any_said(said) else {},
    )
