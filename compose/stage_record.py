"""A stage's record: the file in its folder that says what is stopped and removed with it, so that
whoever clears the stage needs nothing but its folder."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

RECORD_FILE: Final = "stage.json"


@dataclass(frozen=True, slots=True)
class RecordedProcess:
    """One process on record, with how to stop it when its conductor is no more."""

    name: str
    pid: int
    started: int
    stop_signals: tuple[str, ...]
    ends_itself_s: float
    """How long it may take to notice by itself before it is asked."""
    patience_s: float
    """How long it may take after each stop signal."""


@dataclass(frozen=True, slots=True)
class StageRecord:
    """What is on record of one stage.

    Attributes:
        docker: the socket of the daemon that has its containers; None: it has none.
        kept: whether only who asks for that clears it.
        processes: those to stop, first started first.
    """

    docker: str | None = None
    kept: bool = False
    processes: tuple[RecordedProcess, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> "StageRecord":
        """Return what a stage's folder has on record: nothing where that cannot be read.

        It may have been cut short by a power failure, or be of another version. The processes are
        still found by what they carry, only not stopped as gently.
        """
        document = _document(folder)
        docker = document.get("docker")
        return cls(
            docker if isinstance(docker, str) else None,
            bool(document.get("kept")),
            _processes(document),
        )

    def write(self, folder: Path) -> None:
        """Put it into a stage's folder, whole.

        Raises:
            OSError: it cannot be written.
        """
        partial = folder / f".{RECORD_FILE}.partial"
        document = {
            "owner": os.getpid(),
            "docker": self.docker,
            "kept": self.kept,
            "processes": [asdict(recorded) for recorded in self.processes],
        }
        partial.write_text(json.dumps(document), encoding="utf-8")
        partial.replace(folder / RECORD_FILE)


def _document(folder: Path) -> dict[str, Any]:
    try:
        document = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _processes(document: dict[str, Any]) -> tuple[RecordedProcess, ...]:
    try:
        return tuple(RecordedProcess(**fields) for fields in document["processes"])
    except (KeyError, TypeError):
        return ()
