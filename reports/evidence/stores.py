"""What each store held at the end, and which stores could not be read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.reports.words import counted

DURABLE = "postgres"
"""The store whose word counts: what it holds survives."""

GATE = "gate"
"""The ledger's source that holds admissions, not tickets."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores' tickets at the end.

    `holdings` has one frame a store that was read: ticket (text), student (int64, -1 for
    people not on the roster), granted_ns and committed_ns (nullable). A store whose rows are all
    gone from the ledger counts as not read. `problems` has a sentence for each store that should
    have been read and was not, or not as it is in the ledger.
    """

    expected: tuple[str, ...]
    holdings: dict[str, pd.DataFrame]
    problems: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Return whether every store was read."""
        return bool(self.expected) and len(self.holdings) == len(self.expected)


def read_stores(plan: Plan, events: Sequence[TimelineEvent], ledger: pd.DataFrame) -> Stores:
    """Return the ledger sorted by store, and which stores' rows are not what was read."""
    said = {
        event.name: event.detail
        for event in events
        if event.kind == "ledger" and event.name != GATE
    }
    expected = expected_stores(plan)
    expected += tuple(sorted(set(said) - set(expected)))
    source = ledger["source"].astype("object")
    holdings, problems = {}, []
    for store in expected:
        rows = ledger[source == store]
        detail = said.get(store)
        if detail is None:
            problems.append(f"The tickets in {store} were never read, so nobody can audit them.")
        elif "error" in detail:
            problems.append(f"The tickets in {store} could not be read: {detail['error']}")
        elif rows.empty and detail.get("tickets", 0) > 0:
            # Rows that are there can be judged; with none left nothing can.
            problems.append(
                f"{store} held {counted(detail['tickets'], 'ticket')} when it was read, but "
                f"ledger.parquet has no row of it: the file was lost, so nobody can audit them."
            )
        else:
            if detail.get("tickets", len(rows)) != len(rows):
                # Judged all the same: a wrong that its rows show is a wrong.
                problems.append(
                    f"{store} held {counted(detail['tickets'], 'ticket')} when it was read, but "
                    f"ledger.parquet has {counted(len(rows), 'row')} of it: the file was changed."
                )
            holdings[store] = rows.assign(
                ticket=rows["ticket"].astype("object"),
                student=rows["student"].fillna(-1).astype("int64"),
            ).reset_index(drop=True)
    if not expected:
        problems.append("No store was read, so nobody can audit who holds a ticket.")
    return Stores(expected, holdings, tuple(problems))


def expected_stores(plan: Plan) -> tuple[str, ...]:
    """Return the stores that this plan's allocation keeps tickets in."""
    if plan.target.stage != "embedded":
        return ()
    return ("postgres", "redis") if plan.app.holders_in_redis else ("postgres",)


def owned(holding: pd.DataFrame) -> set[tuple[int, str]]:
    """Return the distinct (student, ticket) pairs of a store."""
    return set(pairs(holding, "student", "ticket"))


def pairs(rows: pd.DataFrame, first: str, second: str) -> Iterator[tuple[Any, Any]]:
    """Return two columns' values, row by row."""
    return zip(rows[first].tolist(), rows[second].tolist(), strict=True)
