"""The run directory: the only hand-over between performing a rehearsal and judging it."""

import json
import os
import secrets
import shutil
import time
import tomllib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from dress_rehearsal.plans import Plan, PlanError, plan_toml
from dress_rehearsal.plans.read import check_plan
from dress_rehearsal.plans.visible import visible_values
from dress_rehearsal.records import parquet, tables
from dress_rehearsal.records.baseline import FILE as BASELINE
from dress_rehearsal.records.baseline import NO_BASELINE, BaselineNumbers, read_numbers
from dress_rehearsal.records.damage import Damage, left_out, missing_parts
from dress_rehearsal.records.environment import FILE as ENVIRONMENT
from dress_rehearsal.records.environment import read_facts
from dress_rehearsal.records.errors import RunDirectoryUnreadableError, RunDirectoryUnusableError
from dress_rehearsal.records.files import is_there, listed, reason, regular, remedy, resolved
from dress_rehearsal.records.requests.server_timing import with_few_words, with_timings
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.records.timeline import FILE as TIMELINE
from dress_rehearsal.records.timeline import EventKind, TimelineEvent, read_events

_RETIRED: Final = (("generator", "max_release_skew"),)
"""Keys of earlier plans that mean nothing any more: runs that have them are still read."""

_STEPS: Final = "steps.json"

_SECTIONS: Final = {"event", "schedule", "students", "target", "app", "postgres", "generator"}
"""Sections that every resolved plan has; one without the last of them was cut."""


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """A run's folder; files are written whole or appended to, so a killed run stays readable.

    Whoever reads a file hands in a list that what of it is damaged is added to; the rest is
    returned. Without such a list damage is an error.
    """

    path: Path

    @classmethod
    def create(cls, runs: Path, plan: Plan) -> "RunDirectory":
        """Make `runs/<UTC time>-<plan>-<id>/` with the resolved plan in it.

        Raises:
            RunDirectoryUnusableError: the folder cannot be made (permission, disk full, a file is
                there).
        """
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        run = cls(resolved(runs) / f"{stamp}-{plan.name}-{secrets.token_hex(3)}")
        try:
            for folder in (run.requests, run.metrics, run.logs, run.figures):
                folder.mkdir(parents=True)
        except OSError as error:
            raise RunDirectoryUnusableError(
                f"The run directory {run.path} cannot be made: {reason(error)}; "
                f"{remedy(error, 'choose another folder with --out')}."
            ) from error
        run.write_text("plan.toml", plan_toml(plan))
        return run

    @classmethod
    def open(cls, path: Path) -> "RunDirectory":
        """Open a run left behind earlier.

        Raises:
            RunDirectoryUnreadableError: there is no plan.toml in it.
        """
        run = cls(resolved(path))
        if not is_there(run.path / "plan.toml"):
            raise RunDirectoryUnreadableError(
                f"{path} is not a run directory: it has no plan.toml; "
                f"give a folder that `rehearse run` made, such as runs/20261120T…-festival-…."
            )
        return run

    def remove_unused(self) -> None:
        """Delete it where nothing was performed and no component said anything: of a refusal the
        sentence is all there is."""
        for folder in (self.requests, self.metrics, self.logs):
            if any(path.is_file() and path.stat().st_size > 0 for path in folder.rglob("*")):
                return
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def id(self) -> str:
        """The run's name, unique to it."""
        return self.path.name

    @property
    def requests(self) -> Path:
        """Folder of request shards (`tables.REQUEST_SHARDS`)."""
        return self.path / "requests"

    @property
    def metrics(self) -> Path:
        """The metrics table, a folder of Parquet parts that readers open as one table."""
        return self.path / "metrics.parquet"

    @property
    def logs(self) -> Path:
        """Folder of the components' logs."""
        return self.path / "logs"

    @property
    def figures(self) -> Path:
        """Folder of the report's figures."""
        return self.path / "figures"

    def write_text(self, name: str, text: str) -> None:
        """Write a file of the run whole, or not at all; what UTF-8 cannot hold as `?`.

        Raises:
            RunDirectoryUnusableError: it cannot be written.
        """
        self.write_bytes(name, text.encode("utf-8", "replace"))

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file of the run whole, or not at all.

        Raises:
            RunDirectoryUnusableError: it cannot be written.
        """
        self._write_whole(name, lambda partial: partial.write_bytes(content))

    def write_json(self, name: str, document: Any) -> None:
        """Write a JSON file of the run whole, keys in the given order, or not at all.

        Raises:
            RunDirectoryUnusableError: it cannot be written.
        """
        text = json.dumps(visible_values(document), indent=2, ensure_ascii=False)
        self.write_text(name, text + "\n")

    def write_table(self, name: str, table: pa.Table) -> None:
        """Write a Parquet file of the run whole, or not at all.

        Raises:
            RunDirectoryUnusableError: it cannot be written.
        """
        self._write_whole(name, lambda partial: parquet.write(table, partial))

    def write_steps(self, steps: Steps) -> None:
        """Write the steps of its scenario, all that are known by now.

        Raises:
            RunDirectoryUnusableError: it cannot be written.
        """
        self.write_text(_STEPS, steps.text())

    def steps(self, damage: list[Damage] | None = None) -> Steps:
        """Return the steps of its scenario; the bundled ticket open's where none are written.

        Raises:
            RunDirectoryUnreadableError: they are damaged, and nobody is told of it.
        """
        content = self._content(_STEPS, damage)
        if content is None:
            return Steps.ticket_open()
        try:
            return Steps.read(content.decode())
        except ValueError as error:
            self._tell([Damage(_STEPS, f"it cannot be read ({error}); no step is known")], damage)
            return Steps()

    def stamp(
        self, kind: EventKind, name: str, *, t_ns: int | None = None, **detail: Any
    ) -> TimelineEvent:
        """Append one event to the timeline, now unless `t_ns` says when, and return it.

        What control characters its words hold is made visible.

        Raises:
            RunDirectoryUnusableError: it cannot be written.
        """
        name, detail = visible_values(name), visible_values(detail)
        event = TimelineEvent(time.time_ns() if t_ns is None else t_ns, kind, name, detail)
        target = self.path / TIMELINE
        try:
            with target.open("ab") as file:
                file.write(event.line())
        except OSError as error:
            raise self._unwritable(target, error) from error
        return event

    def plan(self) -> Plan:
        """Return the resolved plan: without it nothing can be judged.

        Raises:
            RunDirectoryUnreadableError: its file cannot be read, or is of another version.
        """
        path = self.path / "plan.toml"
        try:
            text = regular(path).read_text(encoding="utf-8")
            document = tomllib.loads(text)
        except OSError as error:
            raise RunDirectoryUnreadableError(
                f"{path} cannot be read: {reason(error)}; without its plan nothing of a "
                f"run can be judged."
            ) from error
        except (ValueError, RecursionError) as error:
            raise RunDirectoryUnreadableError(
                f"{path} is not a plan this version understands: {error}"
            ) from error
        for section, key in _RETIRED:
            keys = document.get(section)
            if isinstance(keys, dict):
                keys.pop(key, None)
        try:
            plan = check_plan(document, str(path))
        except PlanError as error:
            raise RunDirectoryUnreadableError(
                f"{path} is not a plan this version understands:\n{error}"
            ) from error
        if not (text.endswith("\n") and document.keys() >= _SECTIONS):
            raise RunDirectoryUnreadableError(
                f"{path} was cut: its end is missing, and with it what was rehearsed; without its "
                f"plan nothing of a run can be judged."
            )
        return plan

    def environment(self, damage: list[Damage] | None = None) -> dict[str, Any]:
        """Return the machine's fingerprint; empty when the run died before writing it.

        Raises:
            RunDirectoryUnreadableError: it is damaged, and nobody is told of it.
        """
        content = self._content(ENVIRONMENT, damage)
        if content is None:
            return {}
        facts, found = read_facts(content)
        self._tell(found, damage)
        return facts

    def baseline(self, damage: list[Damage] | None = None) -> BaselineNumbers:
        """Return the numbers that the run was rehearsed against, by name; empty without any.

        Raises:
            RunDirectoryUnreadableError: its file is damaged, and nobody is told of it.
        """
        content = self._content(BASELINE, damage)
        if content is None:
            return NO_BASELINE
        numbers, found = read_numbers(content)
        self._tell(found, damage)
        return numbers

    def timeline(self, damage: list[Damage] | None = None) -> list[TimelineEvent]:
        """Return the timeline in the order of its times.

        A last line that a crash cut is left out and is no damage: the run tells of its end itself.

        Raises:
            RunDirectoryUnreadableError: it is damaged, and nobody is told of it.
        """
        events, found = read_events(self._content(TIMELINE, damage) or b"")
        self._tell(found, damage)
        return sorted(events, key=lambda event: event.t_ns)

    def request_table(
        self, damage: list[Damage] | None = None, unkept: Counter[str] | None = None
    ) -> pa.Table:
        """Return every request of every shard (`tables.REQUESTS`), in no particular order.

        Args:
            unkept: counts, by its name, each value that an answer said and that cannot be kept.

        Raises:
            RunDirectoryUnreadableError: a shard is damaged, and nobody is told of it.
        """
        counts: list[Counter[str]] = [Counter()]

        def made(shard: pa.Table) -> pa.Table:
            own: Counter[str] = Counter()  # shards are read beside each other
            counts.append(own)
            return with_timings(shard, own)

        schema = tables.REQUESTS.append(tables.REQUEST_SHARDS.field(tables.SERVER_TIMING))
        table = with_few_words(self._parts(self.requests, 0, schema, damage, made), counts[0])
        if unkept is not None:
            for each in counts:
                unkept.update(each)
        return table

    def metric_table(self, damage: list[Damage] | None = None) -> pa.Table:
        """Return every sample (`tables.METRICS`).

        Raises:
            RunDirectoryUnreadableError: a part is damaged, and nobody is told of it.
        """
        return self._parts(self.metrics, 1, tables.METRICS, damage)

    def student_table(self, damage: list[Damage] | None = None) -> pa.Table:
        """Return the students (`tables.STUDENTS`); no rows when the generator never started.

        Raises:
            RunDirectoryUnreadableError: it is damaged, and nobody is told of it.
        """
        return self._table(self.path / "students.parquet", tables.STUDENTS, damage)

    def ledger_table(self, damage: list[Damage] | None = None) -> pa.Table:
        """Return the stores' tickets (`tables.LEDGER`); no rows when none could be read.

        Raises:
            RunDirectoryUnreadableError: it is damaged, and nobody is told of it.
        """
        return self._table(self.path / "ledger.parquet", tables.LEDGER, damage)

    def _write_whole(self, name: str, write: Callable[[Path], object]) -> None:
        target = self.path / name
        partial = target.with_name(f".{target.name}.partial")
        try:
            write(partial)
            partial.replace(target)
        except OSError as error:
            with suppress(OSError):  # to free what it took, if the file system lets us
                partial.unlink()
            raise self._unwritable(target, error) from error

    def _content(self, name: str, damage: list[Damage] | None) -> bytes | None:
        """Return a file's bytes, None where there is none or it cannot be read."""
        path = self.path / name
        if not is_there(path):
            return None
        try:
            return regular(path).read_bytes()
        except OSError as error:
            self._tell([left_out(name, reason(error))], damage)
            return None

    def _parts(
        self,
        folder: Path,
        first: int,
        schema: pa.Schema,
        damage: list[Damage] | None,
        made: Callable[[pa.Table], pa.Table] = lambda part: part,
    ) -> pa.Table:
        try:
            paths = listed(folder, ".parquet")
        except OSError as error:
            self._tell([left_out(folder.name, reason(error))], damage)
            paths = []
        self._tell(missing_parts(folder.name, [path.name for path in paths], first), damage)

        def read(path: Path) -> tuple[pa.Table, list[Damage]]:
            found: list[Damage] = []
            return made(self._table(path, schema, found)), found

        with ThreadPoolExecutor(os.cpu_count()) as readers:  # Arrow reads without the GIL
            parts = list(readers.map(read, paths))
        for _, found in parts:
            self._tell(found, damage)
        if not parts:
            return made(schema.empty_table())
        return pa.concat_tables([part for part, _ in parts]).unify_dictionaries()

    def _table(self, path: Path, schema: pa.Schema, damage: list[Damage] | None) -> pa.Table:
        if not is_there(path):
            return schema.empty_table()
        try:
            return parquet.read(path, schema)
        except parquet.UnreadableError as error:
            name = path.relative_to(self.path).as_posix()
            self._tell([left_out(name, error)], damage)
            return schema.empty_table()

    def _tell(self, found: list[Damage], damage: list[Damage] | None) -> None:
        if damage is not None:
            damage += found
        elif found:
            told = " ".join(each.sentence for each in found)
            raise RunDirectoryUnreadableError(f"In {self.path}: {told}")

    def _unwritable(self, target: Path, error: OSError) -> RunDirectoryUnusableError:
        if not self.path.is_dir():
            return RunDirectoryUnusableError(
                f"{target} cannot be written: the run directory was deleted meanwhile, and with it "
                f"what was recorded; rehearse again into a folder that stays (--out)."
            )
        return RunDirectoryUnusableError(
            f"{target} cannot be written: {reason(error)}; what was recorded so far is kept, and "
            f"{remedy(error, 'move the folder to where it can be written')}, then run "
            f"`rehearse report {self.path}`."
        )
