"""Who is on a stage: its processes by its own record, and what of them is left afterwards."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.stage_folder import PREFIX

_SHARED = re.compile(r"(/dev/shm/\S+)|(?:\S+ ){4}(\d+) +/SYSV")


def find(name: str, temporary: Path, conductor: int) -> ProcessId | None:
    """Return the process of a component of the rehearsal that a conductor leads, if it lives."""
    if name == "conductor":
        return ProcessId.of(conductor)
    if name == "guardian":
        return _guardian(temporary, conductor)
    recorded = dict(_recorded(temporary, conductor))
    if name == "worker":
        with suppress(KeyError, psutil.NoSuchProcess):
            children = psutil.Process(recorded["app"]).children()
            workers = [ProcessId.of(child.pid) for child in children]
            return next((worker for worker in workers if worker is not None), None)
        return None
    return ProcessId.of(recorded[name]) if name in recorded else None


def _recorded(temporary: Path, conductor: int) -> Iterator[tuple[str, int]]:
    for _, record in _records(temporary, conductor):
        yield from ((one["name"], one["pid"]) for one in record["processes"])


def _records(temporary: Path, conductor: int) -> Iterator[tuple[Path, dict]]:
    for path in temporary.glob(f"{PREFIX}*/stage.json"):
        with suppress(OSError, ValueError):  # it is being deleted
            record = json.loads(path.read_text())
            if record["owner"] == conductor:
                yield path.parent, record


def _guardian(temporary: Path, conductor: int) -> ProcessId | None:
    """Return the stage's guardian; Prometheus has a folder, and a guardian, of its own."""
    folders = [
        str(folder.resolve())
        for folder, record in _records(temporary, conductor)
        if {one["name"] for one in record["processes"]} != {"prometheus"}
    ]
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(conductor).children():
            with suppress(psutil.NoSuchProcess):
                words = child.cmdline()
                if any("guardian" in word for word in words) and words[-1] in folders:
                    return ProcessId.of(child.pid)
    return None


def about(*folders: Path) -> list[psutil.Process]:
    """Return every process that lives in one of the folders or was told of it."""
    wanted = [str(folder) for folder in folders]
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            said = [*process.cmdline(), *process.environ().values(), process.cwd()]
            if any(folder in one for one in said for folder in wanted):
                found.append(process)
    return found


def shared_memory(*folders: Path) -> set[str]:
    """Return the shared memory that processes of a rehearsal have mapped now, by its names."""
    found = set()
    for process in about(*folders):
        with suppress(OSError):
            maps = Path(f"/proc/{process.pid}/maps").read_text(errors="replace")
            for path, segment in _SHARED.findall(maps):
                found.add(path or f"segment {segment}")
    return found


def still_there(memory: set[str]) -> list[str]:
    """Return which of it has not been given back."""
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    segments = {f"segment {line.split()[1]}" for line in lines}
    return sorted(
        name for name in memory if (name in segments or (name[0] == "/" and Path(name).exists()))
    )


def sockets(*folders: Path) -> list[str]:
    """Return the Unix sockets that are bound in one of the folders."""
    lines = Path("/proc/net/unix").read_text().splitlines()[1:]
    bound = [line.split(maxsplit=7)[7] for line in lines if len(line.split(maxsplit=7)) == 8]
    return sorted({path for path in bound if any(str(folder) in path for folder in folders)})
