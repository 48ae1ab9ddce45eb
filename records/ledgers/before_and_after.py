"""The ledgers of one performance: read before the first arrival and after the rush."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import pyarrow as pa

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import parquet, tables
from dress_rehearsal.records.ledgers.columns import Reading
from dress_rehearsal.records.ledgers.difference import New, People, is_sold, new_since
from dress_rehearsal.records.ledgers.reading import read_ledgers, refusals
from dress_rehearsal.records.ledgers.table import LedgerUnreadableError
from dress_rehearsal.records.run_directory import RunDirectory
from dress_rehearsal.records.settle import Settling

_LOOK_S: Final = 0.25
_LEISURE: Final = 4.0
"""Between two readings it waits so many times what one took: a ledger is not to be another load."""
_STEADY_S: Final = 1.0
"""How long ledgers that hold all that was promised have to stand still."""

Found = Reading | LedgerUnreadableError


class LedgersUnreadableError(LedgerUnreadableError):
    """A ledger cannot be read before the rush; the message says which, why and what to do."""


class Ledgers:
    """What the plan's ledgers held before a rush, and hold after it.

    Args:
        students: student numbers in the roster's order.
    """

    def __init__(self, plan: Plan, students: Sequence[str]) -> None:
        self._ledgers = plan.ledgers
        self._target = plan.target
        self._people = People(students)
        self._before: dict[str, Reading] = {}
        self._after: dict[str, Found] = {}

    def read_before(self) -> None:
        """Keep what they hold now as what was there before.

        Raises:
            LedgersUnreadableError: one cannot be read, so that nothing could be audited.
        """
        found = read_ledgers(self._ledgers, self._target)
        if wrong := refusals(found):
            raise LedgersUnreadableError(" ".join(wrong))
        self._keep_before(found)

    def read_again_before(self, until_s: float) -> None:
        """Look again once the sale is set to open, which may have cleared them.

        What could not be read, or not before `until_s` (of the monotonic clock), stays as it was.
        """
        found = read_ledgers(self._ledgers, self._target, until_s)
        if time.monotonic() <= until_s:
            self._keep_before(found)

    def _keep_before(self, found: Any) -> None:
        self._before.update(
            {name: reading for name, reading in found.items() if isinstance(reading, Reading)}
        )

    def settle(
        self,
        promised: frozenset[str] | None,
        still_s: float,
        longest_s: float,
        enough: Callable[[], bool] = lambda: False,
    ) -> Settling:
        """Read them until they stand still, and keep what they hold then.

        Args:
            promised: the tickets that students were told of: where all are there, a second's
                standing still is enough. None: that is not known.
            still_s: else they have to stand still for so long.
            longest_s: seconds after which the wait ends whatever is being written.
            enough: asked all the time; once it says so, the wait ends after `still_s` in all.
        """
        began_s = changed_s = time.monotonic()
        grew = False
        last: Any = None
        while True:
            asked_s = time.monotonic()
            self._after = dict(read_ledgers(self._ledgers, self._target))
            now_s = time.monotonic()
            sizes = {
                name: reading.count if isinstance(reading, Reading) else -1
                for name, reading in self._after.items()
            }
            if last is None:  # it begins to stand still when it is first seen
                changed_s = now_s if min(sizes.values()) >= 0 else changed_s
            elif sizes != last:
                grew, changed_s = True, now_s
            last = sizes
            stood_s, watched_s = now_s - changed_s, now_s - began_s
            if promised is not None and self._hold(promised) and stood_s >= min(_STEADY_S, still_s):
                return Settling.AGREED
            if stood_s >= still_s:
                return Settling.STILL
            if watched_s >= (still_s if enough() else longest_s):
                return Settling.GROWING if grew else Settling.STILL
            time.sleep(min(max(_LOOK_S, _LEISURE * (now_s - asked_s)), still_s))

    def _hold(self, promised: frozenset[str]) -> bool:
        """Return whether every ledger was read and holds what was promised."""
        for name, reading in self._after.items():
            if not isinstance(reading, Reading):
                return False
            if reading.columns == ("count",):
                if reading.count - self._before[name].count < len(promised):
                    return False
            elif not promised <= {
                row.ticket for row in reading.rows if is_sold(row, reading.columns)
            }:
                return False
        return True

    def keep(self, run: RunDirectory, settle_ms: float | None = None) -> None:
        """Write the new rows to `ledger.parquet`, and stamp each ledger with what is known of it.

        Raises:
            RunDirectoryUnusableError: the run directory cannot be written.
        """
        rows: list[tuple[Any, ...]] = []
        stamps: dict[str, dict[str, Any]] = {}
        for ledger in self._ledgers:
            known = list(self._before[ledger.name].columns) if ledger.name in self._before else []
            try:
                new = self._new(ledger.name)
            except LedgerUnreadableError as error:
                stamps[ledger.name] = {"error": f"{error}.", "columns": known}
                continue
            rows += _table_rows(ledger.name, new)
            stamps[ledger.name] = {
                "tickets": new.count,
                "before": new.before,
                **({"gone": new.gone} if new.gone else {}),
                "columns": list(new.columns),
                **({} if settle_ms is None else {"settle_ms": settle_ms}),
            }
        columns = zip(*rows, strict=True) if rows else ([] for _ in tables.LEDGER.names)
        content = dict(zip(tables.LEDGER.names, map(list, columns), strict=True))
        run.write_table("ledger.parquet", pa.table(content, schema=tables.LEDGER))
        for name, detail in stamps.items():
            run.stamp("ledger", name, **detail)

    def _new(self, name: str) -> New:
        after = self._after.get(name)
        if isinstance(after, LedgerUnreadableError):
            raise after
        if after is None or name not in self._before:
            raise LedgerUnreadableError("it was not read")
        return new_since(self._before[name], after, self._people)


def promised_tickets(run: RunDirectory) -> frozenset[str] | None:
    """Return the tickets that students were told of, or put off for; None: it was not recorded."""
    try:
        told = parquet.read(run.path / "students.parquet", tables.STUDENTS)
    except parquet.UnreadableError:
        return None
    first = {ticket for ticket in told["ticket"].to_pylist() if ticket is not None}
    lists = (told[column].to_pylist() for column in ("more_tickets", "open_tickets"))
    more = {ticket for column in lists for many in column for ticket in many or ()}
    return frozenset(first | more)


def _table_rows(name: str, new: New) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = [
        (name, row.ticket, position, row.number, row.granted_ns, None) for row, position in new.rows
    ]
    return rows + [
        (f"{name}{tables.BEFORE}", "", each, None, None, None) for each in sorted(new.held)
    ]
