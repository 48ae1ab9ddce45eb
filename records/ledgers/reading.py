"""Reading ledgers: each in a thread of its own, so that nothing a driver does holds the others."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from dress_rehearsal.plans.errors import PlanError
from dress_rehearsal.plans.hosts import is_loopback
from dress_rehearsal.plans.secrets import resolved
from dress_rehearsal.plans.sections.ledgers import Ledger
from dress_rehearsal.plans.sections.target import Target
from dress_rehearsal.records.http.reach import Reach, UnreachableError, reach_of
from dress_rehearsal.records.ledgers.columns import Reading, understood
from dress_rehearsal.records.ledgers.csv_file import read_csv
from dress_rehearsal.records.ledgers.json_answer import read_answer
from dress_rehearsal.records.ledgers.table import LedgerUnreadableError, Table

_GRACE_S: Final = 1.0
"""How much longer than its own time-out a reading is waited for: its own sentence says more."""


def read_ledger(ledger: Ledger, target: Target) -> Reading:
    """Return what one ledger holds now.

    Args:
        target: says which hosts may be asked, and how they are reached.

    Raises:
        LedgerUnreadableError: it cannot be read, or is not as it has to be.
    """
    table = _table(ledger, target)
    return understood(table, ledger.columns, time.time_ns())


def read_ledgers(
    ledgers: Sequence[Ledger], target: Target, until_s: float | None = None
) -> Mapping[str, Reading | LedgerUnreadableError]:
    """Return what each ledger holds now, or why it cannot be read, by its name.

    All are read at once; one that does not answer is waited for as long as its time-out says, and
    its thread is left alone.

    Args:
        target: says which hosts may be asked, and how they are reached.
        until_s: when the wait ends in any case, by the monotonic clock.
    """
    found: queue.SimpleQueue[tuple[str, Reading | LedgerUnreadableError]] = queue.SimpleQueue()
    for ledger in ledgers:
        threading.Thread(
            target=_read_into,
            args=(found.put, ledger, target),
            name=f"ledger {ledger.name}",
            daemon=True,
        ).start()
    began_s = time.monotonic()
    latest_s = float("inf") if until_s is None else until_s
    waiting = {
        ledger.name: min(began_s + ledger.timeout + _GRACE_S, latest_s) for ledger in ledgers
    }
    read: dict[str, Reading | LedgerUnreadableError] = {}
    while waiting:
        try:
            name, reading = found.get(timeout=max(0.0, min(waiting.values()) - time.monotonic()))
        except queue.Empty:
            for name in [name for name, until in waiting.items() if until <= time.monotonic()]:
                del waiting[name]
                own = next(ledger for ledger in ledgers if ledger.name == name)
                read[name] = LedgerUnreadableError(
                    f"there was no answer within its timeout of {own.timeout:g} s"
                )
            continue
        if waiting.pop(name, None) is not None:
            read[name] = reading
    return {ledger.name: read[ledger.name] for ledger in ledgers}


def _read_into(
    keep: Callable[[tuple[str, Reading | LedgerUnreadableError]], None],
    ledger: Ledger,
    target: Target,
) -> None:
    try:
        keep((ledger.name, read_ledger(ledger, target)))
    except LedgerUnreadableError as error:
        keep((ledger.name, error))
    except Exception as error:  # noqa: BLE001 - a driver of theirs may raise what it likes
        what = type(error).__name__
        keep((ledger.name, LedgerUnreadableError(f"reading it ended with a {what}")))


def refusals(read: Mapping[str, Reading | LedgerUnreadableError]) -> list[str]:
    """Return what is wrong with those ledgers that could not be read, a sentence each."""
    return [
        f"The ledger {name} cannot be read: {found}."
        for name, found in read.items()
        if isinstance(found, LedgerUnreadableError)
    ]


def unreadable(ledgers: Sequence[Ledger], target: Target) -> Iterator[str]:
    """Return what is wrong with the databases of ledgers, a sentence each; none is asked."""
    for ledger in ledgers:
        try:
            if ledger.dsn_env is not None:
                from dress_rehearsal.records.ledgers.database import check_url

                check_url(ledger.dsn_env, _dsn(ledger), target.allow)
        except LedgerUnreadableError as error:
            yield f"The ledger {ledger.name} cannot be read: {error}."


def _table(ledger: Ledger, target: Target) -> Table:
    if ledger.csv is not None:
        return read_csv(ledger.csv)
    if ledger.url is not None:
        return read_answer(ledger, _reach(ledger, target), ledger.timeout)
    # Only where it is asked for: SQLAlchemy takes its time to be imported.
    from dress_rehearsal.records.ledgers.database import read_database

    variable, query = ledger.dsn_env or "", ledger.query or ""
    return read_database(variable, _dsn(ledger), query, ledger.timeout, target.allow)


def _dsn(ledger: Ledger) -> str:
    try:
        return resolved(f"env:{ledger.dsn_env}")
    except PlanError as error:
        raise LedgerUnreadableError(str(error).rstrip(".")) from error


def _reach(ledger: Ledger, target: Target) -> Reach:
    parts = urlsplit(ledger.url or "")
    # What is on this machine is no proxy's to find: it would look on its own.
    proxy = None if is_loopback(parts.hostname or "") else target.proxy
    try:
        return reach_of(target.ca_file if parts.scheme == "https" else None, proxy)
    except UnreachableError as error:
        raise LedgerUnreadableError(str(error).rstrip(".")) from error
