"""The run directory: the only hand-over between performing a rehearsal and judging it."""

import json
import secrets
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from dress_rehearsal.plans import Plan, plan_toml
from dress_rehearsal.records import tables
from dress_rehearsal.records.errors import RunDirectoryUnreadableError, RunDirectoryUnusableError

EventKind = Literal["phase", "t0", "process", "abort", "fault", "alert", "ledger"]
"""phase: a part of the run begins. t0: the sale opens. process: one of the stage or the generator
was lost. abort: the run was cut short. ledger: a store was read, or could not be."""


_RETIRED: Final = (("generator", "max_release_skew"),)
"""Keys of earlier plans that mean nothing any more: runs that have them are still read."""


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One line of `timeline.jsonl`; `t_ns` is in nanoseconds since the Unix epoch."""

    t_ns: int
    kind: EventKind
    name: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """A run's folder; files are written whole or appended to, so a killed run stays readable."""

    path: Path

    @classmethod
    def create(cls, runs: Path, plan: Plan) -> "RunDirectory":
        """Make `runs/<UTC time>-<plan>-<id>/` with the resolved plan in it.

        Raises:
            RunDirectoryUnusableError: the folder cannot be made (permission, disk full, a file is
                there).
        """
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        run = cls(runs.resolve() / f"{stamp}-{plan.name}-{secrets.token_hex(3)}")
        try:
            for folder in (run.requests, run.metrics, run.logs, run.figures):
                folder.mkdir(parents=True)
        except OSError as error:
            raise RunDirectoryUnusableError(
                f"The run directory {run.path} cannot be made: {error.strerror or error}; "
                f"free some space there or choose another folder with --out."
            ) from error
        run.write_text("plan.toml", plan_toml(plan))
        return run

    @classmethod
    def open(cls, path: Path) -> "RunDirectory":
        """Open a run left behind earlier.

        Raises:
            RunDirectoryUnreadableError: there is no plan.toml in it.
        """
        run = cls(path.resolve())
        if not (run.path / "plan.toml").is_file():
            raise RunDirectoryUnreadableError(
                f"{path} is not a run directory: it has no plan.toml; "
                f"give a folder that `rehearse run` made, such as runs/20261120T…-festival-…."
            )
        return run

    @property
    def id(self) -> str:
        """The run's name, unique to it."""
        return self.path.name

    @property
    def requests(self) -> Path:
        """Folder of request shards (`tables.REQUESTS`)."""
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
        """Write a file of the run whole, or not at all.

        Raises:
            RunDirectoryUnusableError: it cannot be written.
        """
        self.write_bytes(name, text.encode())

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
        self.write_text(name, json.dumps(document, indent=2, ensure_ascii=False) + "\n")

    def write_table(self, name: str, table: pa.Table) -> None:
        """Write a Parquet file of the run whole, or not at all.

        Raises:
            RunDirectoryUnusableError: it cannot be written.
        """
        self._write_whole(name, lambda partial: pq.write_table(table, partial, compression="zstd"))

    def stamp(
        self, kind: EventKind, name: str, *, t_ns: int | None = None, **detail: Any
    ) -> TimelineEvent:
        """Append one event to the timeline, now unless `t_ns` says when, and return it.

        Raises:
            RunDirectoryUnusableError: it cannot be written.
        """
        event = TimelineEvent(time.time_ns() if t_ns is None else t_ns, kind, name, detail)
        line = json.dumps(
            {"t_ns": event.t_ns, "kind": kind, "name": name, "detail": detail}, ensure_ascii=False
        )
        target = self.path / "timeline.jsonl"
        try:
            with target.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise self._unwritable(target, error) from error
        return event

    def plan(self) -> Plan:
        """Return the resolved plan.

        Raises:
            RunDirectoryUnreadableError: its file cannot be read, or is of another version.
        """
        try:
            document = tomllib.loads(self._text("plan.toml"))
            for section, key in _RETIRED:
                document.get(section, {}).pop(key, None)
            return Plan.model_validate(document)
        except ValueError as error:
            raise RunDirectoryUnreadableError(
                f"{self.path / 'plan.toml'} is not a plan this version understands: {error}"
            ) from error

    def environment(self) -> dict[str, Any]:
        """Return the machine's fingerprint; empty when the run died before writing it.

        Raises:
            RunDirectoryUnreadableError: its file cannot be read, or is not JSON.
        """
        if not (self.path / "environment.json").is_file():
            return {}
        try:
            document: dict[str, Any] = json.loads(self._text("environment.json"))
        except ValueError as error:
            raise RunDirectoryUnreadableError(
                f"{self.path / 'environment.json'} is not JSON: {error}"
            ) from error
        return document

    def timeline(self) -> list[TimelineEvent]:
        """Return the timeline in the order of its times, without a last line cut by a crash.

        Raises:
            RunDirectoryUnreadableError: its file cannot be read.
        """
        if not (self.path / "timeline.jsonl").is_file():
            return []
        return sorted(self._events(), key=lambda event: event.t_ns)

    def request_table(self) -> pa.Table:
        """Return every request of every shard (`tables.REQUESTS`), in no particular order.

        Raises:
            RunDirectoryUnreadableError: a shard cannot be read.
        """
        return self._parts(self.requests, tables.REQUESTS)

    def metric_table(self) -> pa.Table:
        """Return every sample (`tables.METRICS`).

        Raises:
            RunDirectoryUnreadableError: a part cannot be read.
        """
        return self._parts(self.metrics, tables.METRICS)

    def student_table(self) -> pa.Table:
        """Return the students (`tables.STUDENTS`); no rows when the generator never started.

        Raises:
            RunDirectoryUnreadableError: the file cannot be read.
        """
        return self._table(self.path / "students.parquet", tables.STUDENTS)

    def ledger_table(self) -> pa.Table:
        """Return the stores' tickets (`tables.LEDGER`); no rows when none could be read.

        Raises:
            RunDirectoryUnreadableError: the file cannot be read.
        """
        return self._table(self.path / "ledger.parquet", tables.LEDGER)

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

    def _events(self) -> Iterator[TimelineEvent]:
        for line in self._text("timeline.jsonl").splitlines(keepends=True):
            if line.endswith("\n"):
                fields = json.loads(line)
                yield TimelineEvent(
                    fields["t_ns"], fields["kind"], fields["name"], fields["detail"]
                )

    def _text(self, name: str) -> str:
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RunDirectoryUnreadableError(
                f"{self.path / name} cannot be read: {error}"
            ) from error

    def _parts(self, folder: Path, schema: pa.Schema) -> pa.Table:
        parts = [self._table(part, schema) for part in sorted(folder.glob("[!.]*.parquet"))]
        return pa.concat_tables(parts).unify_dictionaries() if parts else schema.empty_table()

    def _table(self, path: Path, schema: pa.Schema) -> pa.Table:
        if not path.is_file():
            return schema.empty_table()
        try:
            return pq.read_table(path, schema=schema, partitioning=None)
        except (OSError, pa.ArrowException) as error:
            raise RunDirectoryUnreadableError(f"{path} cannot be read: {error}") from error

    def _unwritable(self, target: Path, error: OSError) -> RunDirectoryUnusableError:
        return RunDirectoryUnusableError(
            f"{target} cannot be written: {error.strerror or error}; what was recorded so far "
            f"is kept, free some space and run `rehearse report {self.path}`."
        )
