"""What each store held at the end, and which stores could not be read.

Of somebody else's ledgers, tickets are called as students were told, where that tells them apart
(`reports.evidence.ledger_rows`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.records.tables import BEFORE
from dress_rehearsal.reports.evidence.ledger_rows import judged_rows
from dress_rehearsal.reports.numbers import distinct, found_in, integers
from dress_rehearsal.reports.words import counted, written

DURABLE: Final = "postgres"
"""Of the stores of our own, the one whose word counts: what it holds survives."""

GATE: Final = "gate"
"""The ledger's source that holds admissions, not tickets."""

Fact = Literal["count", "tickets", "owners", "times", "numbers", "commits"]
FACTS: Final[tuple[Fact, ...]] = get_args(Fact)
"""What a store can say: how many tickets, which, whose, since when, in which order, and when their
row was written."""

FACT_OF: Final[Mapping[str, tuple[Fact, ...]]] = {
    "count": ("count",),
    "ticket": ("count", "tickets"),
    "student": ("owners",),
    "granted": ("times",),
    "number": ("numbers",),
}
"""What each column of a ledger says (`records.ledgers`)."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores' tickets at the end.

    `holdings` has one frame a store that was read: ticket (text), student (int64, -1 for
    people not on the roster), granted_ns and committed_ns (nullable). A store whose rows are all
    gone from the ledger counts as not read. `problems` has a sentence for each store that should
    have been read and was not, or not as it is in the ledger.

    Attributes:
        counts: how many tickets a store holds that says no more than that.
        said: what each store says, or should have said where it could not be read.
        earlier: students who held a ticket before the first arrival.
        before: how many tickets were sold before it.
        durable: the store whose word counts.
        notes: how what they say was taken.
    """

    expected: tuple[str, ...]
    holdings: dict[str, pd.DataFrame]
    problems: tuple[str, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    said: Mapping[str, frozenset[Fact]] = field(default_factory=dict)
    earlier: frozenset[int] = frozenset()
    before: int = 0
    durable: str = DURABLE
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Return whether every store was read."""
        return bool(self.expected) and len(self.holdings) + len(self.counts) == len(self.expected)

    @property
    def known(self) -> frozenset[Fact]:
        """Return what at least one store says, or should have said."""
        return frozenset().union(*self.said.values())

    @property
    def most(self) -> int:
        """Return how many different tickets the store holds that holds most."""
        rows = (different(holding) for holding in self.holdings.values())
        return max((*rows, *self.counts.values()), default=0)

    def before_of(self, places: int) -> int:
        """Return how many of the places were sold before.

        0 where they do not fit beside what was sold now: then they were of another sale.
        """
        return self.before if self.before + self.most <= places else 0


def read_stores(
    plan: Plan, events: Sequence[TimelineEvent], ledger: pd.DataFrame, told: pd.DataFrame
) -> Stores:
    """Return the ledger sorted by store, and which stores' rows are not what was read.

    Args:
        told: tickets that students were told of: student, ticket. They are the owners where a
            store names none.
    """
    detail_of = {
        event.name: event.detail
        for event in events
        if event.kind == "ledger" and event.name != GATE
    }
    expected = expected_stores(plan)
    expected += tuple(sorted(set(detail_of) - set(expected)))
    source = ledger["source"].astype("object")
    holdings, counts, problems = {}, {}, []
    notes: list[str] = []
    names: set[str] = set(told["ticket"].tolist())
    said = {store: _facts(detail_of.get(store)) for store in expected}
    for store in expected:
        rows = ledger[source == store]
        detail = detail_of.get(store)
        if detail is None:
            problems.append(f"The tickets in {store} were never read, so nobody can audit them.")
        elif "error" in detail:
            problems.append(f"The tickets in {store} could not be read: {detail['error']}")
        elif "tickets" not in said[store]:
            counts[store] = int(detail.get("tickets", 0))
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
            found = judged_rows(
                store,
                rows,
                told,
                names,
                owners="owners" in said[store],
                foreign=bool(plan.ledgers),
                per_student=plan.event.per_student,
            )
            notes += found.notes
            problems += [*found.problems, *_gone(store, detail)]
            if found.held is not None:
                holdings[store] = found.held
                names |= set(found.held["ticket"].dropna().tolist())
    if not expected and plan.target.ours:
        problems.append("No store was read, so nobody can audit who holds a ticket.")
    earlier = ledger.loc[source.isin([f"{store}{BEFORE}" for store in expected]), "student"]
    return Stores(
        expected,
        holdings,
        tuple(problems),
        counts,
        said,
        frozenset(earlier.dropna().astype("int64").tolist()),
        max((int(detail.get("before", 0)) for detail in detail_of.values()), default=0),
        _durable(plan, holdings, expected, said),
        tuple(notes),
    )


def _gone(store: str, detail: Mapping[str, Any]) -> list[str]:
    """Return a sentence where some of the tickets that had been sold before are there no more."""
    gone, before = int(detail.get("gone", 0)), int(detail.get("before", 0))
    if not gone:
        return []
    return [
        f"{written(gone)} of {counted(before, 'ticket')} that {store} held before the rush "
        f"{'is' if gone == 1 else 'are'} gone or another's: lost by whoever held "
        f"{'it' if gone == 1 else 'them'}, unless the query leaves out what is older."
    ]


def _facts(detail: Mapping[str, Any] | None) -> frozenset[Fact]:
    """Return what a store says; all there is where that is not known, and of stores of our own."""
    columns = None if detail is None else detail.get("columns")
    if not columns:
        return frozenset(FACTS)
    return frozenset().union(*(FACT_OF.get(column, ()) for column in columns))


def _durable(
    plan: Plan,
    holdings: Mapping[str, pd.DataFrame],
    expected: Sequence[str],
    said: Mapping[str, frozenset[Fact]],
) -> str:
    """Return the store whose word counts: of several ledgers the first of those that say most."""
    if not plan.ledgers or not expected:
        return DURABLE
    return max([*holdings] or expected, key=lambda store: len(said[store]))


def expected_stores(plan: Plan) -> tuple[str, ...]:
    """Return the stores that this plan's allocation keeps tickets in, or the plan's ledgers."""
    if not plan.target.ours:
        return tuple(ledger.name for ledger in plan.ledgers)
    return ("postgres", "redis") if plan.app.holders_in_redis else ("postgres",)


def durable_rows(stores: Stores) -> pd.DataFrame | None:
    """Return what the store holds whose word counts; None where it was not read, or only counts."""
    return stores.holdings.get(stores.durable)


def coded(*frames: pd.DataFrame, key: str = "student") -> list[NDArray[np.int64]]:
    """Return each row's key and ticket as one whole number: the same number for the same pair.

    Args:
        frames: numbers are comparable within these.
        key: a column of whole numbers from -1 on.
    """
    tickets = np.concatenate([frame["ticket"].to_numpy(dtype=object) for frame in frames])
    codes, names = pd.factorize(tickets)
    keys = np.concatenate([integers(frame[key], missing=-1) for frame in frames])
    ends = np.cumsum([len(frame) for frame in frames])[:-1]
    return np.split(keys * (len(names) + 1) + codes + 1, ends)


def among(rows: pd.DataFrame, known: pd.DataFrame, key: str = "student") -> NDArray[np.bool_]:
    """Return which rows have a pair of a key and a ticket that is known."""
    here, there = coded(rows, known, key=key)
    return np.asarray(found_in(here, there), dtype=np.bool_)


def different(rows: pd.DataFrame) -> int:
    """Return how many different pairs of a student and a ticket some rows have."""
    return len(distinct(coded(rows)[0]))
