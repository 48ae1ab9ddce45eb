"""Who of the containers' processes can be scraped, told in pids of this machine.

Each announces itself by the pid it has in its container, in a folder that all containers share.
Here it is found among the processes of that container, and announced anew.
"""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psutil

_LOOK_S: Final = 0.2
_ENDS_S: Final = 5.0


class Announcements:
    """Keeps `targets_dir` true to what the containers announce, until it is closed.

    Args:
        announced: the folder that the containers write to.
        targets_dir: the folder that the conductor reads.
        containers: returns the containers that run, as (name, pid of the first process).
    """

    def __init__(
        self, announced: Path, targets_dir: Path, containers: Callable[[], list[tuple[str, int]]]
    ) -> None:
        self._announced = announced
        self._targets_dir = targets_dir
        self._containers = containers
        self._seen: list[tuple[str, int]] = []
        self._closed = threading.Event()
        self._looking = threading.Lock()
        self._thread = threading.Thread(target=self._follow, name="announcements", daemon=True)

    def follow(self) -> None:
        """Look again and again from now on."""
        self._thread.start()

    def look(self) -> None:
        """Look once."""
        with self._looking:
            seen = self._stamped()
            if seen != self._seen and self._announce():
                self._seen = seen

    def close(self) -> None:
        """Look no more."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(_ENDS_S)

    def _follow(self) -> None:
        while not self._closed.wait(_LOOK_S):
            self.look()

    def _stamped(self) -> list[tuple[str, int]]:
        found = []
        for path in self._announced.glob("*.json"):
            try:
                found.append((path.name, path.stat().st_mtime_ns))
            except FileNotFoundError:
                continue  # its process has just ended
        return sorted(found)

    def _announce(self) -> bool:
        """Write who is announced; return whether all of them were found."""
        running = dict(self._containers())
        complete = True
        wanted: dict[str, str] = {}
        for path in self._announced.glob("*.json"):
            try:
                groups: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
            except (FileNotFoundError, ValueError):
                complete = False  # it ended, or is still being written
                continue
            for group in groups:
                labels = group["labels"]
                pid = _on_this_machine(running.get(labels["host"]), int(labels["pid"]))
                if pid is None:
                    complete = False
                    continue
                told = [{"targets": group["targets"], "labels": {**labels, "pid": str(pid)}}]
                wanted[f"{labels['job']}-{pid}.json"] = json.dumps(told)
        for path in self._targets_dir.glob("*.json"):
            if path.name not in wanted:
                path.unlink(missing_ok=True)
        for name, text in wanted.items():
            path = self._targets_dir / name
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                partial = path.with_suffix(".partial")
                partial.write_text(text, encoding="utf-8")
                partial.replace(path)
        return complete


def _on_this_machine(first: int | None, inside: int) -> int | None:
    """Return the pid that this machine has for a process of a container; None: it has ended.

    Args:
        first: the container's first process, as this machine sees it.
        inside: the pid that the process has in its container.
    """
    if first is None:
        return None
    if _pid_inside(inside) == inside and first in _line_of(inside):
        return inside  # it shares this machine's process ids
    try:
        tree = [first, *(child.pid for child in psutil.Process(first).children(recursive=True))]
    except psutil.NoSuchProcess:
        return None
    return next((pid for pid in tree if _pid_inside(pid) == inside), None)


def _line_of(pid: int) -> list[int]:
    """Return a process and those that it descends from."""
    try:
        return [pid, *(parent.pid for parent in psutil.Process(pid).parents())]
    except psutil.NoSuchProcess:
        return []


def _pid_inside(pid: int) -> int | None:
    """Return the pid that a process has in its own namespace; None: it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    return None
