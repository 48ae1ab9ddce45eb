"""Where this process can be scraped: its metrics server and the `file_sd` file telling of it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import start_http_server

from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

_HOST = "127.0.0.1"


@contextmanager
def announced_metrics(component: str, directory: Path | None) -> Iterator[int]:
    """Serve `/metrics` from a thread while inside, and announce it in `directory` if there is one.

    Yields the port. A thread, so that it answers while the event loop is blocked.
    """
    server, thread = start_http_server(0, addr=_HOST, registry=REGISTRY)
    port = int(server.server_port)
    announcement: Path | None = None
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        remove_dead_targets(directory)
        announcement = directory / f"{component}-{os.getpid()}.json"
        _write(announcement, component, port)
    try:
        yield port
    finally:
        if announcement is not None:
            announcement.unlink(missing_ok=True)
        server.shutdown()
        server.server_close()
        thread.join()


def remove_dead_targets(directory: Path) -> None:
    """Remove announcements of processes that no longer exist."""
    for announcement in directory.glob("*-*.json"):
        pid = announcement.stem.rpartition("-")[2]
        if pid.isdigit() and not _is_alive(int(pid)):
            announcement.unlink(missing_ok=True)


def _write(announcement: Path, component: str, port: int) -> None:
    content = [
        {
            "targets": [f"{_HOST}:{port}"],
            "labels": {"job": component, "pid": str(os.getpid())},
        }
    ]
    draft = announcement.with_suffix(".tmp")
    draft.write_text(json.dumps(content), "utf-8")
    draft.replace(announcement)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
