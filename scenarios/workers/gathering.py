"""The run directory of a master: what its workers record and send, as one run.

A worker that is lost takes with it what it had not sent (about a second), and what became of its
students: they stand in the census as unknown.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records import RecordError, RunDirectory, tables
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.records.timeline import SHARDS_MISSING, WORKER_LOST
from dress_rehearsal.scenarios.outcomes import Census, StudentOutcome
from dress_rehearsal.scenarios.timetable import Timetable, order_of_arrival
from dress_rehearsal.scenarios.workers.share import STUDENTS
from dress_rehearsal.scenarios.workers.transfer import Receiver

_SHARD_NAME: Final = re.compile(r"worker(\d{1,6})-\d{6}\.parquet")
_STAMPS: Final = frozenset({tables.NOT_KEPT, tables.SCENARIO_TROUBLES, tables.LOOP_BUSY})
"""What a worker may have on the run's timeline."""


class Gathering:
    """Takes in what workers send and writes it down.

    Args:
        run: the master's; it has the plan, and T-0 on its timeline.
        workers: the workers' ids, in the order of their shares.
        steps: the scenario's, as far as they are known beforehand.
    """

    def __init__(
        self, run: RunDirectory, timetable: Timetable, workers: Sequence[str], steps: Steps
    ) -> None:
        self.run = run
        self._numbers = {worker: number for number, worker in enumerate(workers)}
        self._timetable, self._t0_ns = timetable.without_draws(), 0
        order, of = np.array(order_of_arrival(timetable)), len(workers)
        self._shares = [np.sort(order[number::of]) for number in range(of)]
        """Whose each worker's students are, by number."""
        self._steps = steps
        self._receivers = {worker: Receiver() for worker in workers}
        self._told: dict[int, pa.Table] = {}
        self._ended: set[int] = set()
        self._written: set[str] = set()
        self._sent: dict[int, list[str]] = {}
        self._stamps: list[tuple[str, Mapping[str, Any]]] = []
        self._failed: dict[int, str] = {}
        self.error: RecordError | None = None
        """Why something sent could not be written down."""

    def opened(self, t0_ns: int) -> None:
        """Take in when T-0 is."""
        self._t0_ns = t0_ns

    @property
    def awaited(self) -> set[str]:
        """The workers that have not said their last, and are not known to be lost."""
        over = self._ended | self._failed.keys()
        return {worker for worker, number in self._numbers.items() if number not in over}

    def piece(self, worker: str, sent: Any) -> None:
        """Take in a part of a file: of recorded requests, or of the census.

        Raises:
            ValueError: it is none.
        """
        file = self._receivers[worker].file(sent)
        if file is None:
            return
        name, content = file
        number = self._numbers[worker]
        shard = _SHARD_NAME.fullmatch(name)
        if name == STUDENTS:
            table = pq.read_table(BytesIO(content)).cast(tables.STUDENTS)
            self._told[number] = _only(table, self._shares[number])
        elif shard is None or int(shard[1]) != number:
            raise ValueError(f"{visible_line(name)} is no file of this worker's")
        else:
            try:
                self.run.write_bytes(f"requests/{name}", content)
                self._written.add(name)
            except RecordError as error:
                self.error = self.error or error

    def ended(self, worker: str, content: Mapping[str, Any]) -> None:
        """Take in a worker's last word."""
        number = self._numbers[worker]
        if content["error"] is not None:
            self.lost(worker, visible_line(str(content["error"])))
        else:
            self._ended.add(number)
        self._sent[number] = [
            visible_line(str(name)) for name in content["files"] if name != STUDENTS
        ]
        for name, role in content["steps"]:
            self._steps.code(name, role)
        self._stamps += [(name, detail) for name, detail in content["stamps"] if name in _STAMPS]

    def lost(self, worker: str, why: str) -> None:
        """Take in that a worker will tell nothing more."""
        self._failed.setdefault(self._numbers[worker], why)

    def has_told(self, worker: str) -> bool:
        """Return whether a worker has told what became of its students."""
        return self._numbers[worker] in self._ended

    def write_census(self) -> None:
        """Write what is known of the students by now.

        Raises:
            RecordError: it cannot be written.
        """
        self.run.write_table("students.parquet", self._students(self._told, ()))

    def write(self) -> None:
        """Write the census and what there is to say of the workers.

        Raises:
            RecordError: something of the run could not be written down.
        """
        self.run.write_steps(self._steps)
        known = {number: told for number, told in self._told.items() if number in self._ended}
        lost = [number for number in range(self._of) if number not in known]
        self.run.write_table("students.parquet", self._students(known, lost))
        for number in lost:
            why = self._failed.get(number, "it was lost")
            self.run.stamp("phase", WORKER_LOST, worker=number, error=why)
        for number, names in sorted(self._sent.items()):
            missing = [name for name in names if name not in self._written]
            if missing:
                self.run.stamp("phase", SHARDS_MISSING, worker=number, files=missing)
        for name, detail in self._stamps:
            self.run.stamp("phase", name, **detail)
        if self.error is not None:
            raise self.error

    @property
    def _of(self) -> int:
        return len(self._numbers)

    def _students(self, told: Mapping[int, pa.Table], lost: Iterable[int]) -> pa.Table:
        """Return all students: what workers tell of theirs, those of the lost as unknown, and of
        the others that nothing is known yet."""
        census = Census(self._timetable, self._t0_ns)
        for number in lost:
            census.outcome[self._shares[number]] = StudentOutcome.UNKNOWN
        known = list(dict(told).values())
        of_others = np.ones(len(census.outcome), dtype=bool)
        for table in known:
            of_others[table["student"].to_numpy()] = False
        parts = pa.concat_tables([*known, census.table(np.flatnonzero(of_others))])
        return parts.unify_dictionaries().sort_by("student")


def _only(table: pa.Table, own: NDArray[np.int64]) -> pa.Table:
    """Return those rows that are a worker's to tell of, each once."""
    given = table["student"].to_numpy()
    _, first = np.unique(given, return_index=True)
    return table.take(first[np.isin(given[first], own)])
