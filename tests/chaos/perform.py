"""Performs a cell: a small rehearsal, the blow, its end, and what is wrong with what came of it."""

import shutil
import time
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.chaos.cells import Blow, Cell
from tests.chaos.rehearsal import NeverCameError, Place, Rehearsal
from tests.chaos.right import ENDS_WITHIN_S, Outcome, Wrong, wrongs
from tests.chaos.strike import Strike, strike

_STOPPED_S: Final = 5.0
"""How long a conductor stands stopped before somebody kills it."""
_CLEARED_S: Final = 30.0
"""How long a guardian may take to clear the stage of a conductor that was killed."""
_SETTLED_S: Final = 3.0
"""How long what ended by itself may take to be out of the system's lists."""


@dataclass
class Result:
    """What came of a cell.

    Attributes:
        missed: why the blow did not fall at its moment; empty where it did.
        word: the verdict, or what there was instead of one.
        said: the gravest reason.
        after_s: from the blow to the end.
        tries: how often it was performed.
        folder: where what was not right can be looked at.
    """

    name: str
    wrongs: list[Wrong] = field(default_factory=list)
    missed: str = ""
    word: str = "-"
    said: str = ""
    after_s: float | None = None
    took_s: float = 0.0
    tries: int = 1
    folder: Path | None = None

    @property
    def by_chance(self) -> bool:
        """Whether it is wrong, and a busy machine may have done all of it."""
        return bool(self.wrongs) and all(wrong.by_chance for wrong in self.wrongs)

    @property
    def status(self) -> str:
        """`right`, `WRONG`, `not struck` or `skipped`."""
        if self.wrongs:
            return "WRONG"
        if self.missed:
            return "skipped" if self.word == "skipped" else "not struck"
        return "right"


@dataclass(frozen=True)
class Lane:
    """Where rehearsals are performed one after the other, each finding what the last one left."""

    temporary: Path
    folder: Path
    """Gets a folder a cell."""

    def place(self, name: str) -> Place:
        """Return where a cell is performed, empty."""
        out = self.out(name)
        shutil.rmtree(out, ignore_errors=True)
        return Place(out, self.temporary)

    def out(self, name: str) -> Path:
        """Return a cell's folder."""
        # A name of words would be found in what the product says of its files.
        return self.folder / f"{zlib.crc32(name.encode()):08x}"


def perform(cell: Cell, lane: Lane) -> Result:
    """Perform a cell once."""
    place = lane.place(cell.name)
    place.out.mkdir(parents=True)
    prometheus = cell.component.name == "prometheus"
    rehearsal = Rehearsal.start(
        place,
        place.out / "output.txt",
        cell.component.settings,
        ["--prometheus" if prometheus else "--no-prometheus"],
    )
    result = Result(cell.name)
    try:
        dealt = strike(rehearsal, cell.component.name, cell.blow, cell.moment)
        result.missed = dealt.missed
        outcome = _outcome(rehearsal, cell, dealt)
        conclude(result, outcome, wrongs(cell, outcome))
    except NeverCameError as error:
        # Whatever kept it from its moment was not the blow, which is still to come.
        result.wrongs.append(Wrong(f"{error}: {last_words(rehearsal)}", by_chance=True))
    finally:
        rehearsal.wipe()
    return result


def conclude(result: Result, outcome: Outcome, found: Iterable[Wrong]) -> None:
    """Put what a rehearsal came to into a result."""
    result.wrongs += found
    result.after_s = outcome.ended_after_s
    if outcome.verdict is not None:
        result.word = outcome.verdict["verdict"]
        result.said = str((outcome.verdict["reasons"] or [""])[0])


def _outcome(rehearsal: Rehearsal, cell: Cell, dealt: Strike) -> Outcome:
    begun_s = time.monotonic()
    is_conductor = cell.component.name == "conductor"
    if is_conductor and cell.blow is Blow.STOP:
        time.sleep(_STOPPED_S)
        if rehearsal.ended:
            return ended(rehearsal, 0.0)
        begun_s = time.monotonic()
        rehearsal.process.kill()
    after_s = rehearsal.await_end(ENDS_WITHIN_S)
    if after_s is None:
        return ended(rehearsal, None)
    killed = is_conductor and cell.blow in (Blow.KILL, Blow.STOP)
    left = rehearsal.left(_CLEARED_S if killed else _SETTLED_S)
    if killed:  # it is over when its guardian is done
        after_s = time.monotonic() - begun_s
    code: int | None = rehearsal.judge_again() if killed else rehearsal.process.returncode
    return Outcome(
        exit_code=code,
        verdict=rehearsal.verdict(),
        output=rehearsal.output(),
        ended_after_s=after_s,
        left=tuple(left),
        ended_it=dealt.ended_it and not (is_conductor and cell.blow is Blow.TERM),
        gone=dealt.victim is None,
        promised=lost_promises(rehearsal),
    )


def ended(rehearsal: Rehearsal, after_s: float | None) -> Outcome:
    """Return what a rehearsal came to that ended by itself, or (None) did not end."""
    return Outcome(
        exit_code=rehearsal.process.returncode,
        verdict=rehearsal.verdict() if after_s is not None else None,
        output=rehearsal.output(),
        ended_after_s=after_s,
        left=() if after_s is None else tuple(rehearsal.left(_SETTLED_S)),
        promised=lost_promises(rehearsal),
    )


def lost_promises(rehearsal: Rehearsal) -> int | None:
    """Count the tickets that students were told of and PostgreSQL has no row of.

    It is read here without the product's own audit; None where the files are not there.
    """
    run = rehearsal.run
    if run is None:
        return None
    with suppress(OSError):
        told = pq.read_table(run / "students.parquet")["ticket"].drop_null()
        ledger = pq.read_table(run / "ledger.parquet")
        rows = ledger.filter(pc.equal(ledger["source"].cast("string"), "postgres"))["ticket"]
        return len(set(told.to_pylist()) - set(rows.to_pylist()))
    return None


def last_words(rehearsal: Rehearsal) -> str:
    """Return the end of what a rehearsal printed."""
    return " ".join(rehearsal.output().split()[-40:])
