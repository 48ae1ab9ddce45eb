"""The targets file: tells any Prometheus of this machine what a rehearsal has to scrape.

`<runs>/targets/<run>.json` is a `file_sd` file
(https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config): it is
there while the rehearsal goes, names what answers at present, and gives every series the run.
"""

import json
import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

import psutil

from dress_rehearsal.records.collectors.scrape import Target
from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.records.files import remedy, resolved

FOLDER: Final = "targets"
"""The folder of these files, in the folder of run directories."""
HARNESS: Final = "harness"
"""The job of what the conductor exports."""


class TargetsFile:
    """One rehearsal's `file_sd` file; it is on the disk while the context is open.

    Args:
        runs: the folder of run directories.
        run: the run's id, which every target gets as a label.
        port: where the conductor exports on loopback.
    """

    def __init__(self, runs: Path, run: str, port: int) -> None:
        self.targets = 1
        """How many are in it."""
        self.path = resolved(runs) / FOLDER / f"{run}.json"
        self._run = run
        self._harness = _group([f"127.0.0.1:{port}"], run=run, job=HARNESS, pid=str(os.getpid()))
        self._writing = threading.Lock()

    def __enter__(self) -> Self:
        """Write the file with what the conductor exports.

        Raises:
            RunDirectoryUnusableError: the file cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._forget_the_dead()
            self._replace([self._harness])
        except OSError as error:
            raise RunDirectoryUnusableError(
                f"{self.path} cannot be written: {error.strerror or error}; "
                f"{remedy(error, 'choose another folder with --out')}."
            ) from error
        return self

    def __exit__(self, *raised: object) -> None:
        self.path.unlink(missing_ok=True)

    def write(self, targets: Iterable[Target]) -> None:
        """Write these instead of those before; a full disk leaves those that were there."""
        groups = [self._harness]
        self.targets = 1
        for target in targets:
            job, _, pid = target.source.partition(":")
            self.targets += 1
            groups.append(_group([f"{target.host}:{target.port}"], run=self._run, job=job, pid=pid))
        try:
            self._replace(groups)
        except OSError:  # whoever records finds out and says so
            return

    def _forget_the_dead(self) -> None:
        """Withdraw the files of conductors that were killed."""
        for file in self.path.parent.glob("*.json"):
            try:
                pids = [int(group["labels"]["pid"]) for group in _harnesses(file)]
            except (OSError, ValueError, KeyError, TypeError):
                continue  # none of ours
            if pids and not any(psutil.pid_exists(pid) for pid in pids):
                with suppress(OSError):  # another user's
                    file.unlink(missing_ok=True)

    def _replace(self, groups: list[dict[str, Any]]) -> None:
        with self._writing:
            partial = self.path.with_name(f".{self.path.name}.partial")
            partial.write_text(json.dumps(groups, indent=1), encoding="utf-8")
            partial.replace(self.path)


def _harnesses(file: Path) -> list[Any]:
    groups = json.loads(file.read_text(encoding="utf-8"))
    return [group for group in groups if group["labels"]["job"] == HARNESS]


def _group(targets: list[str], **labels: str) -> dict[str, Any]:
    return {"targets": targets, "labels": labels}
