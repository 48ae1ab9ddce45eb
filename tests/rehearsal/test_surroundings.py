"""A whole rehearsal amid everything that a user's shell, home and folder may hold: as without."""

import contextlib
import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.rehearsal

SHADOW = "raise SystemExit('somebody else`s module was imported')"


class CountingProxy:
    """Takes connections and counts them; answers none."""

    def __init__(self) -> None:
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._take, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                connection.close()


@pytest.fixture
def proxy() -> Iterator[CountingProxy]:
    counting = CountingProxy()
    yield counting
    counting.close()


def furnish(home: Path) -> None:
    """Fill a home, which is also the working folder, with what programs look for there."""
    for name in (".pgpass", ".pg_service.conf", ".netrc", ".locust.conf", "locust.conf", ".env"):
        (home / name).write_text("everything = is wrong\n")  # .pgpass is everybody's to read
    for folder in (".aws", ".config/matplotlib", "modules", "prometheus"):
        (home / folder).mkdir(parents=True)
    for name in (".aws/config", ".aws/credentials"):
        (home / name).write_text("[no end\n")
    for name in ("matplotlibrc", ".config/matplotlib/matplotlibrc"):
        (home / name).write_bytes(b"font.size: 40\n\xff\xfe")
    for name in ("redis", "psycopg", "locust", "pandas", "matplotlib", "granian", "requests"):
        for folder in (home, home / "modules"):
            (folder / f"{name}.py").write_text(SHADOW)
    (home / "modules" / "sitecustomize.py").write_text("print('Welcome to this machine.')")


SHELL = """
PGSERVICE=production PGHOST=example.org PGHOSTADDR=203.0.113.1 PGPORT=1 PGUSER=nobody
PGOPTIONS=-cstatement_timeout=1 PGSSLMODE=verify-full PGPASSFILE={home}/.pgpass PGDATA={home}
PGTARGETSESSIONATTRS=standby PGCLIENTENCODING=SQL_ASCII PGCHANNELBINDING=require
PROMETHEUS_MULTIPROC_DIR={home}/prometheus prometheus_multiproc_dir={home}/prometheus
HTTP_PROXY={proxy} http_proxy={proxy} HTTPS_PROXY={proxy} https_proxy={proxy}
ALL_PROXY={proxy} all_proxy={proxy} REDIS_URL=redis://example.org
AWS_PROFILE=production AWS_ENDPOINT_URL={proxy} AWS_CA_BUNDLE=/nowhere AWS_ACCESS_KEY_ID=theirs
AWS_CONFIG_FILE={home}/.aws/config BOTO_CONFIG=/nowhere MOTO_PORT=1
REQUESTS_CA_BUNDLE=/nowhere CURL_CA_BUNDLE=/nowhere NETRC={home}/.netrc SSLKEYLOGFILE={home}/keys
LOCUST_USERS=-1 LOCUST_LOCUSTFILE=/nowhere LOCUST_SKIP_MONKEY_PATCH=1
GEVENT_LOOP=nowhere GEVENT_RESOLVER=nowhere GRANIAN_WORKERS=0
MPLBACKEND=nowhere MATPLOTLIBRC={home} MPLCONFIGDIR=/proc/nowhere
PYTHONPATH={home}/modules PYTHONWARNINGS=error PYTHONOPTIMIZE=2 PYTHONSTARTUP=/nowhere
PYTHONASYNCIODEBUG=1 PYTHONHASHSEED=7
APP_WORKERS=77 APP_TICKETS=77 APP_FAULTS=on NEIGHBOURS_PORT=77777
OMP_NUM_THREADS=none MALLOC_ARENA_MAX=3 LD_PRELOAD=/nowhere/a.so TZ=Nowhere/Land
GIT_DIR=/nowhere GIT_WORK_TREE=/nowhere
HOME={home} XDG_CONFIG_HOME={home}/.config LANGUAGE=tr
"""


def shell(home: Path, proxy: str) -> dict[str, str]:
    """Return what a hostile shell exports."""
    words = SHELL.format(home=home, proxy=proxy).split()
    return dict(word.split("=", 1) for word in words)


def files(home: Path) -> list[Path]:
    """Return what is in a home besides caches: Python's of modules, matplotlib's of fonts."""
    cached = {"__pycache__", ".cache"}
    return [path for path in sorted(home.rglob("*")) if not cached & {*path.parts}]


HARMLESS = {"HOME", "LANGUAGE", "PYTHONPATH"}
"""Given to children by another value, or kept by the command itself."""
ITS_OWN = {
    *("APP_WORKERS", "APP_TICKETS", "APP_FAULTS", "NEIGHBOURS_PORT", "AWS_ACCESS_KEY_ID"),
    "MALLOC_ARENA_MAX",
}
"""Given to the app's processes, or the generator's, by another value."""


@pytest.mark.long
def test_nothing_of_the_users_surroundings_reaches_a_rehearsal(rehearse, proxy, tmp_path):
    furnish(tmp_path)
    variables = shell(tmp_path, proxy.url)
    before = files(tmp_path)
    command = rehearse(
        "app.allocation=sqs_writeback",
        "event.students=200",
        started_in=tmp_path,
        surroundings=variables,
    )
    command.await_offset(0.5)
    for child in command.children():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{child.pid}/environ").read_bytes().decode().split("\0")
            own = dict(word.partition("=")[::2] for word in words if "=" in word)
            heard = {name for name, value in variables.items() if own.get(name) == value}
            assert not heard, (child.cmdline(), heard)
            assert not own.keys() & variables.keys() - HARMLESS - ITS_OWN, child.cmdline()
    assert command.ended(100) == 0, command.output()
    assert "Traceback" not in command.output()
    assert "password file" not in command.output()
    assert command.verdict["census"]["ticket"] == 30
    assert proxy.connections == 0
    assert files(tmp_path) == before, "files among the user's"
    commit = json.loads((command.run.path / "environment.json").read_text())["git_commit"]
    assert commit == _commit()
    logs = "".join(path.read_text(errors="replace") for path in command.run.logs.iterdir())
    assert "Welcome" not in logs
    assert "/nowhere" not in logs


def _commit() -> str | None:
    here = str(Path(__file__).parent)
    asked = subprocess.run(
        ["git", "-C", here, "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or None
