"""The run directory of Locust's master: what its workers record and send, as one run.

A worker that is lost takes with it what it had not sent (about a second), and what became of its
students: they stand in the census as unknown.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import islice
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records import RecordError, RunDirectory, tables
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.records.timeline import SHARDS_MISSING, WORKER_LOST
from dress_rehearsal.scenarios.outcomes import Census, StudentOutcome
from dress_rehearsal.scenarios.timetable import Timetable, order_of_arrival

_SHARD_NAME: Final = re.compile(r"worker\d{1,6}-\d{6}\.parquet")


class Gathering:
    """Takes in what workers send and writes it down.

    Args:
        run: the master's; it has the plan, and T-0 on its timeline.
        workers: the workers' ids, in the order of their shares.
        steps: the scenario's, as far as they are known beforehand.
    """

    def __init__(
        self,
        run: RunDirectory,
        timetable: Timetable,
        t0_ns: int,
        workers: Sequence[str],
        steps: Steps,
    ) -> None:
        self.run = run
        self._timetable, self._t0_ns = timetable, t0_ns
        self._workers = {worker: number for number, worker in enumerate(workers)}
        self._steps = steps
        self._ended: dict[int, pa.Table] = {}
        self._written: set[str] = set()
        self._sent: dict[int, list[str]] = {}
        self._lost: Counter[str] = Counter()
        self._troubles: Counter[str] = Counter()
        self._failed: dict[int, str] = {}
        self.error: RecordError | None = None
        """Why something sent could not be written down."""

    @property
    def awaited(self) -> set[str]:
        """The workers that have not said their last."""
        return {
            worker
            for worker, number in self._workers.items()
            if number not in self._ended and number not in self._failed
        }

    def shard(self, worker: str, message: Mapping[str, Any]) -> None:
        """Write a file of recorded requests."""
        name = str(message["name"])
        if worker not in self._workers or not _SHARD_NAME.fullmatch(name):
            return
        try:
            self.run.write_bytes(f"requests/{name}", message["content"])
            self._written.add(name)
        except RecordError as error:
            self.error = self.error or error

    def ended(self, worker: str, message: Mapping[str, Any]) -> None:
        """Take in what became of a worker's students."""
        number = self._workers.get(worker)
        if number is None:
            return
        if message["error"] is not None:
            self._failed[number] = visible_line(str(message["error"]))
        if message["students"] is not None:
            self._ended[number] = pq.read_table(BytesIO(message["students"]))
        self._sent[number] = [visible_line(str(name)) for name in message["shards"]]
        for name, role in message["steps"]:
            self._steps.code(name, role)
        self._lost.update(message["lost"])
        self._troubles.update(message["troubles"])

    def write(self) -> None:
        """Write the census and what there is to say of the workers.

        Raises:
            RecordError: something of the run could not be written down.
        """
        self.run.write_steps(self._steps)
        self.run.write_table("students.parquet", self._students())
        for number in range(len(self._workers)):
            if number not in self._ended:
                why = self._failed.get(number, "it was lost")
                self.run.stamp("phase", WORKER_LOST, worker=number, error=why)
        for number, names in sorted(self._sent.items()):
            missing = [name for name in names if name not in self._written]
            if missing:
                self.run.stamp("phase", SHARDS_MISSING, worker=number, files=missing)
        for name, counts in (
            (tables.NOT_KEPT, self._lost),
            (tables.SCENARIO_TROUBLES, self._troubles),
        ):
            if counts:
                self.run.stamp("phase", name, values=dict(counts.most_common()))
        if self.error is not None:
            raise self.error

    def _students(self) -> pa.Table:
        """Return all students: what the workers say of theirs, and the others as unknown."""
        census = Census(self._timetable, self._t0_ns)
        known = [table.cast(tables.STUDENTS) for table in self._ended.values()]
        of_others = np.ones(len(census.outcome), dtype=bool)
        for number in range(len(self._workers)):
            for student in islice(
                order_of_arrival(self._timetable), number, None, len(self._workers)
            ):
                if number in self._ended:
                    of_others[student] = False
                else:
                    census.outcome[student] = StudentOutcome.UNKNOWN
        others = census.table().filter(pa.array(of_others))
        return pa.concat_tables([*known, others]).unify_dictionaries().sort_by("student")
