"""Where this process can be scraped: its metrics server and the `file_sd` file telling of it."""

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from prometheus_client import start_http_server

from dress_rehearsal.target_app.errors import SettingsError
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

LOOPBACK = "127.0.0.1"
_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 (what a container is told)
_READABLE = 0o644  # also for whoever scrapes as another user


@contextmanager
def announced_metrics(
    component: str, directory: Path | None, host: str = LOOPBACK
) -> Iterator[int]:
    """Serve `/metrics` from a thread while inside, and announce it in `directory` if there is one.

    Yields the port. A thread, so that it answers while the event loop is blocked.

    Raises `SettingsError` where it is to be served on every address of a machine whose own name
    leads to none.
    """
    server, thread = start_http_server(0, addr=host, registry=REGISTRY)
    port = int(server.server_port)
    announcement: Path | None = None
    try:
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            remove_dead_targets(directory)
            announcement = directory / f"{component}-{_machine()}-{os.getpid()}.json"
            _write(announcement, component, f"{reached_at(host)}:{port}")
        yield port
    finally:
        if announcement is not None:
            announcement.unlink(missing_ok=True)
        server.shutdown()
        server.server_close()
        thread.join()


def remove_dead_targets(directory: Path) -> None:
    """Remove announcements of processes of this machine, or container, that no longer exist.

    Containers share the folder, and each counts its processes from 1.
    """
    for announcement in directory.glob("*-*-*.json"):
        machine, _, pid = announcement.stem.partition("-")[2].rpartition("-")
        if machine == _machine() and pid.isdigit() and not _is_alive(int(pid)):
            announcement.unlink(missing_ok=True)


def _machine() -> str:
    """Return this machine's or container's name as a part of a file's."""
    return quote(socket.gethostname(), safe="")


def reached_at(host: str) -> str:
    """Return an address under which others reach what is served on `host`."""
    if host not in _EVERY_ADDRESS:
        return host
    name = socket.gethostname()
    try:
        return socket.gethostbyname(name)
    except OSError as error:
        raise SettingsError(
            [
                f"APP_METRICS_HOST is {host}, and the name of this machine, {name}, leads to no "
                f"address that could be announced ({error.strerror}); set APP_METRICS_HOST to the "
                "address under which others reach it."
            ]
        ) from error


def _write(announcement: Path, component: str, address: str) -> None:
    labels = {"job": component, "pid": str(os.getpid()), "host": socket.gethostname()}
    draft = announcement.with_suffix(".tmp")
    draft.write_text(json.dumps([{"targets": [address], "labels": labels}]), "utf-8")
    draft.chmod(_READABLE)
    draft.replace(announcement)


def _is_alive(pid: int) -> bool:
    """Return whether it runs: one that nobody has reaped yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    if sys.platform != "linux":
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return False  # ended meanwhile
    return stat.rpartition(")")[2].split()[0] not in "ZX"
