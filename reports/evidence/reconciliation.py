"""Compares the generator's count of requests with the server's own, to the request.

A client that silently sends twice, a recorder that loses rows, a server that answers somebody
else: each shows as a difference. What may differ is only what nobody can know: requests that were
sent and never answered may or may not have been served.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.records.tables import CONNECT_ERRORS, NS_PER_S
from dress_rehearsal.reports.evidence.samples import Samples, label
from dress_rehearsal.reports.numbers import integers
from dress_rehearsal.reports.words import (
    agreeing,
    written,
)

COUNTER = "http_server_requests_total"
_FEW = 5
_FEW_SHARE = 0.001
_AT_ONCE: Final = 1 << 18
"""Requests that are looked at together: of millions it would take as much room again."""
"""Requests of others that change nothing: so many, or this share of the recorded ones."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something happened by the generator's word and by the server's.

    `recorded` surely happened; `uncertain` more may have. `least` is what the server must have
    seen by the time it was last asked.
    """

    recorded: int
    uncertain: int
    least: int
    counted: int

    @property
    def difference(self) -> int:
        """Return by how many the server's count is outside what was recorded; 0 when it agrees."""
        most = self.recorded + self.uncertain
        return max(self.counted - most, 0) + min(self.counted - self.least, 0)

    @property
    def handful(self) -> bool:
        """Return whether the server saw more than was recorded, and only by a few requests."""
        return 0 < self.difference <= max(_FEW, _FEW_SHARE * self.recorded)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A tally for each step, or the sentence that says why there is none."""

    tallies: dict[str, Tally]
    impossible: str | None

    @property
    def problems(self) -> tuple[str, ...]:
        """Return one sentence for each step whose counts differ by more than a handful."""
        return tuple(
            f"{_difference(step, tally)}."
            for step, tally in self.tallies.items()
            if tally.difference and not tally.handful
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Return one sentence for each step that others, too, asked for: so few decide nothing."""
        return tuple(
            f"{_difference(step, tally)}, as when somebody else opens the page."
            for step, tally in self.tallies.items()
            if tally.handful
        )


def reconcile(
    plan: Plan,
    events: Sequence[TimelineEvent],
    requests: pd.DataFrame,
    samples: Samples,
    known: Steps,
) -> Reconciliation:
    """Return every step's requests beside the app workers' own counters of them."""
    if not plan.target.ours:
        return Reconciliation({}, "nobody read the target's own counters.")
    if any(event.kind == "process" and event.name == "app" for event in events):
        return Reconciliation({}, "the server's own counts went with the app worker that was lost.")
    rows = samples.series(COUNTER, "app")
    if not rows:
        return Reconciliation(
            {}, f"the server's own count of requests ({COUNTER}) was never collected."
        )
    grown = samples.increases(rows, began_ns(requests))
    step = label(grown, "method") + " " + label(grown, "route")
    increase = grown["increase"].groupby(step).sum()
    last_ns = int(grown["last_ns"].min())
    steps = pd.Categorical(requests["step"])
    told = _told(requests, last_ns)
    return Reconciliation(
        {
            name: _tallied([each & (steps == name) for each in told], int(increase.get(name, 0)))
            for name in known.names
        },
        None,
    )


TALLIED = ("outcome", "status", "error", "sent_ns", "done_ns", "read_ns")
"""What `tally` reads of requests: whole rows of millions are not copied for it."""


def tally(rows: pd.DataFrame, counted_there: int, last_ns: int, *, answers: str = "all") -> Tally:
    """Count recorded requests that a counter on the other side should have seen.

    Args:
        last_ns: when that counter was last read; what was answered less than a second before
            that, or later, may be missing from it.
        answers: `all`, or `ok` when only successful answers are sure to be counted there.
    """
    told = _told(rows, last_ns)
    if answers == "ok":
        told[0] &= (rows["outcome"] == "ok").to_numpy(dtype=bool)
    return _tallied(told, counted_there)


def _told(rows: pd.DataFrame, last_ns: int) -> list[Any]:
    """Return for each request whether it was answered, sent, and answered early enough."""
    early = np.empty(len(rows), dtype=bool)
    for first in range(0, len(rows), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        done_ns, read_ns = (rows[name].iloc[part] for name in ("done_ns", "read_ns"))
        early[part] = integers(done_ns.fillna(read_ns)) <= last_ns - NS_PER_S
    return [
        (rows["status"] > 0).to_numpy(dtype=bool, na_value=False),
        may_have_arrived(rows).to_numpy(dtype=bool),
        early,
    ]


def _tallied(told: Sequence[Any], counted_there: int) -> Tally:
    sure, sent, early = told
    return Tally(
        recorded=int(sure.sum()),
        uncertain=int((~sure & sent).sum()),
        least=int((sure & early).sum()),
        counted=counted_there,
    )


def may_have_arrived(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return for each request whether the target can have seen it.

    `sent_ns` alone does not say so: of a new connection it is the moment of its first packet, and
    of some the connection was never made (`records.tables.CONNECT_ERRORS`).
    """
    unconnected = rows["error"].isin(CONNECT_ERRORS)
    return rows["sent_ns"].notna() & ~unconnected


def began_ns(requests: pd.DataFrame) -> int | None:
    """Return when the first request left the generator; what was counted earlier is not the run's.

    Before that the conductor itself asks the target a few things. None without any recorded
    request: then each counter's own first sample is its beginning.
    """
    first = requests["sent_ns"].min()
    return None if pd.isna(first) else int(first)


def _difference(step: str, tally: Tally) -> str:
    return (
        f"The server answered {written(tally.counted)} × {step} but {written(tally.recorded)} "
        f"{agreeing(tally.recorded, 'is', 'are')} recorded{_allowance(tally.uncertain)}: "
        f"{_direction(tally.difference)}"
    )


def _allowance(uncertain: int) -> str:
    return f" and {written(uncertain)} more may have reached it" if uncertain else ""


def _direction(difference: int) -> str:
    if difference > 0:
        return f"{written(difference)} reached it unrecorded"
    return f"{written(-difference)} never reached it"
