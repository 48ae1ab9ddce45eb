"""The generator process of a rehearsal, led by the benchmark against a server of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc
from pyarrow import Table, concat_tables, parquet

from benchmarks.generator.peers.peer import OUTPUT, PeerFailedError, Running
from dress_rehearsal.plans import read_plan
from dress_rehearsal.plans.roster import seeded_people, write_roster
from dress_rehearsal.records import RunDirectory

_READY_S: Final = 60.0
_LOOK_S: Final = 0.05
_EVERYBODY_THE_SAME: Final = {
    "late": "0%",
    "outsiders": "0%",
    "double_clickers": "0%",
    "multi_device": "0%",
    "login_before": "100%",
    "click_offset": "0s",
    "click_spread": "0s",
    "typing": "0s",
    "patient": "100%",
}


@dataclass(frozen=True, slots=True)
class Part:
    """What is played: a scenario of this benchmark, and by whom.

    Attributes:
        buyer: a class in `scripts/buyers.py`.
        lead: from the first arrival to T-0, in seconds.
        sale: from T-0 to the end, in seconds.
        habits: of the students, as in a plan, beside what makes them all the same.
    """

    file: Path
    buyer: str
    students: int
    lead: float
    sale: float
    habits: Mapping[str, str] = field(default_factory=dict)

    def plan(self, url: str) -> str:
        """Return it as a plan's TOML."""
        tables: dict[str, dict[str, Any]] = {
            "event": {"students": self.students, "tickets": self.students},
            "schedule": {
                "lead": f"{self.lead:g}s",
                "sale": f"{self.sale:g}s",
                "drain": "2s",
                "settle": "0s",
            },
            "target": {"stage": "external", "url": url},
            "scenario": {"file": str(self.file), "buyer": self.buyer},
            "students": {**_EVERYBODY_THE_SAME, **self.habits},
        }
        lines = ['name = "bench-generator"', "seed = 2026"]
        for name, table in tables.items():
            lines += ["", f"[{name}]", *(f"{key} = {json.dumps(v)}" for key, v in table.items())]
        return "\n".join(lines) + "\n"


class GeneratorProcess:
    """A generator that stands ready.

    Args:
        folder: gets the plan, the roster, the run directory and what is said.
        variables: for the scenario.

    Raises:
        PeerFailedError: it does not get ready.
    """

    def __init__(self, part: Part, url: str, folder: Path, variables: Mapping[str, str]) -> None:
        file, roster = folder / "plan.toml", folder / "roster.csv"
        file.write_text(part.plan(url))
        plan = read_plan(file)
        self.plan, self.people = plan, seeded_people(plan)
        write_roster(roster, self.people)
        self.run = RunDirectory.create(folder, plan)
        self._lines, output = folder / "lines.jsonl", folder / OUTPUT
        its_orders, self._orders = os.pipe()
        held = ExitStack()
        held.callback(os.close, self._orders)
        with output.open("wb") as printed, self._lines.open("wb") as lines:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "dress_rehearsal.scenarios"),
                    *(str(self.run.path), str(roster), url),
                    *(str(its_orders), str(lines.fileno())),
                ],
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                pass_fds=(its_orders, lines.fileno()),
            )
        os.close(its_orders)
        self.running = Running(process, output, held)
        try:
            self._await_ready()
        except BaseException:
            self.running.__exit__()
            raise

    def _await_ready(self) -> None:
        deadline_s = time.monotonic() + _READY_S
        while self.running.process.poll() is None and time.monotonic() < deadline_s:
            if '"kind": "ready"' in self._lines.read_text():
                return
            time.sleep(_LOOK_S)
        said = f"{self._lines.read_text()[-1000:]}{self.running.last_words}"
        raise PeerFailedError(f"Our generator was not ready within {_READY_S:.0f} s:\n{said}")

    def go(self, t0_ns: int) -> None:
        """Fix T-0."""
        os.write(self._orders, json.dumps({"t0_ns": t0_ns}).encode() + b"\n")


def rows(run: Path, step: str | None = None) -> Table:
    """Return the rows of a run's requests: all of them, or those of one step."""
    read = concat_tables(map(parquet.read_table, sorted((run / "requests").glob("*.parquet"))))
    return read if step is None else read.filter(pc.equal(pc.cast(read["step"], "string"), step))
