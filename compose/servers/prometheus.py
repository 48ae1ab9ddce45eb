"""Prometheus beside a rehearsal: the machine's own binary, its data in the run directory."""

import shutil
import signal
import time
from http import HTTPStatus
from pathlib import Path
from typing import Self

from dress_rehearsal.compose.errors import StageUnusableError, log_sentence
from dress_rehearsal.compose.guardian import Guardian
from dress_rehearsal.compose.port import ClaimedPort
from dress_rehearsal.compose.process import ManagedProcess, ProcessSpec
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.records.environment_variables import child_environment
from dress_rehearsal.records.http import KIB, NoAnswerError, ask

BINARY = "prometheus"
DATA = "prometheus"
"""The folder of its data in the run directory."""
_READY_S = 20.0
_STOP_S = 10.0
_LOOK_S = 0.05


def has_prometheus() -> bool:
    """Return whether there is one on the PATH."""
    return shutil.which(BINARY) is not None


def prometheus_binary() -> Path:
    """Find `prometheus` on the PATH.

    Raises:
        StageUnusableError: it is not there.
    """
    found = shutil.which(BINARY)
    if found is None:
        raise StageUnusableError(
            "Prometheus is wanted (--prometheus) but there is no `prometheus` on the PATH; "
            "install it (Debian: apt-get install prometheus) or leave the option out."
        )
    return Path(found)


class Prometheus:
    """A server that scrapes while the context is open; it dies with its conductor.

    Args:
        config: its `prometheus.yml`.
        data: folder of its database; made where it is not there.
        log: where its log goes.
    """

    def __init__(self, config: Path, data: Path, log: Path) -> None:
        self._config, self._data, self._log = config, data, log
        self._port: ClaimedPort | None = None
        self._folder: StageFolder | None = None
        self._guardian: Guardian | None = None
        self._process: ManagedProcess | None = None

    def __enter__(self) -> Self:
        """Start it and wait until it is ready.

        Raises:
            StageUnusableError: it is not on the PATH, or does not start.
        """
        binary = prometheus_binary()
        try:
            self._start(binary)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where it answers."""
        assert self._port is not None
        return f"http://127.0.0.1:{self._port.number}"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended though nobody stopped it."""
        return self._process is not None and self._process.exit_code is not None

    def close(self) -> None:
        """Stop it, its data on the disk; a second call does nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()
            if self._guardian is not None:
                self._guardian.forget(process.pid)
        folder, self._folder = self._folder, None
        guardian, self._guardian = self._guardian, None
        try:
            if folder is not None:
                folder.remove()
        finally:
            if guardian is not None:
                guardian.release()
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def _start(self, binary: Path) -> None:
        folder = self._folder = StageFolder.create()
        guardian = self._guardian = Guardian.start(folder, self._log.with_name("guardian.log"))
        port = self._port = ClaimedPort.choose()
        process = self._process = ManagedProcess.start(
            ProcessSpec(
                name="prometheus",
                argv=[
                    str(binary),
                    f"--config.file={self._config}",
                    f"--storage.tsdb.path={self._data}",
                    # It would delete what an old run left behind as soon as somebody looks at it.
                    "--storage.tsdb.retention.time=100y",
                    f"--web.listen-address=127.0.0.1:{port.number}",
                    "--log.level=warn",
                ],
                environment=child_environment(),
                log=self._log,
                folder=folder.path,
                stop_signals=((signal.SIGTERM, _STOP_S),),
            )
        )
        guardian.watch("prometheus", process.pid)
        deadline = time.monotonic() + _READY_S
        while not self._is_ready():
            if process.exit_code is not None or time.monotonic() > deadline:
                raise StageUnusableError(
                    f"Prometheus does not start; "
                    f"{log_sentence(str(self._log), process.last_lines())}"
                )
            time.sleep(_LOOK_S)

    def _is_ready(self) -> bool:
        try:
            ready = ask("GET", f"{self.url}/-/ready", deadline_s=1.0, limit_bytes=64 * KIB)
        except NoAnswerError:
            return False
        return ready.status == HTTPStatus.OK
