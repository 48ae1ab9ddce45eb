"""`python -m dress_rehearsal.target_app`: granian's main process and its workers."""

import _thread
import asyncio
import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from dress_rehearsal.target_app.app import create_app
from dress_rehearsal.target_app.errors import SettingsError
from dress_rehearsal.target_app.process import (
    collect_garbage_seldom,
    die_with_parent,
    raise_descriptor_limit,
)
from dress_rehearsal.target_app.qr import draw_patterns
from dress_rehearsal.target_app.secret_files import environment
from dress_rehearsal.target_app.services import Services
from dress_rehearsal.target_app.settings import Settings
from dress_rehearsal.target_app.telemetry.logs import flushing, granian_log_config, json_logs
from dress_rehearsal.target_app.telemetry.scrape_targets import announced_metrics, reached_at

BACKPRESSURE = 20_000  # connections a worker may serve at once; beyond it they stay unaccepted
HEADER_READ_TIMEOUT_MS = 3_600_000  # it also ends idle keep-alive connections
KILL_AFTER_S = 9
_REAPED_S = 1.0  # granian's own threads wait for workers too, and may hear of an end first
_LOG = logging.getLogger("dress_rehearsal.target_app")


def main() -> int:
    """Run until SIGTERM or SIGINT.

    Return 0 after a clean stop, 1 where a worker had to be killed, 2 where the settings are wrong.
    """
    try:
        settings = Settings.read(environment())
        reached_at(settings.metrics_host)
    except SettingsError as error:
        for problem in error.problems:
            sys.stderr.write(f"{problem}\n")
        return 2
    descriptors = raise_descriptor_limit()
    draw_patterns()
    if sys.platform == "linux":
        # Workers share what has been made by now. Python 3.14 would have each make its own, below
        # processes of multiprocessing's that nobody asked for.
        multiprocessing.set_start_method("fork", force=True)
    _let_new_workers_end()
    server = granian_server(settings)
    logging.getLogger("_granian").info(
        "starting", extra={"workers": settings.workers, "descriptors": descriptors}
    )
    try:
        server.serve(target_loader=partial(_load_worker, settings, os.getpid()), wrap_loader=False)
    except SystemExit as exit_request:
        # granian also reports 1 when a worker heard the signal before its parent did
        if not server.interrupt_signal:
            return int(exit_request.code or 0)
    if server.killed:
        logging.getLogger("_granian").error(
            "%d of the workers did not finish within %d s and had to be killed; what they were "
            "answering was cut off",
            len(server.killed),
            KILL_AFTER_S,
            extra={"killed_pids": server.killed},
        )
        return 1
    return 0


def _let_new_workers_end() -> None:
    """Let a worker that does not serve yet end when it is told to.

    It inherits its parent's handlers, by which it would hear and do nothing until it has its own;
    then whoever stops the service while a worker is being replaced waits until it is killed. What
    is sent to it while it is being forked waits until it has none.
    """
    endings = (signal.SIGTERM, signal.SIGINT)

    def begin() -> None:
        for number in endings:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, endings)

    os.register_at_fork(
        before=partial(signal.pthread_sigmask, signal.SIG_BLOCK, endings),
        after_in_parent=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, endings),
        after_in_child=begin,
    )


class WorkerServer(MPServer):
    """granian's server with worker processes.

    It hears every signal to end, whatever it is doing, and tells the workers it had to kill then.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.killed: list[int] = []
        """Their pids, once all have ended."""

    def signal_handler_interrupt(self, *_: Any, **__: Any) -> None:
        """Have the main loop end.

        Its event is set by a thread: whom the signal interrupts may be waiting for that event, or
        clearing it, and then holds the event's own lock, which nobody can take twice.
        """
        self.interrupt_signal = True
        _thread.start_new_thread(self.main_loop_interrupt.set, ())

    def _respawn_workers(self, *args: Any, **options: Any) -> None:
        super()._respawn_workers(*args, **options)
        # granian clears the event before, and with it a signal that came just then.
        if self.interrupt_signal:
            self.main_loop_interrupt.set()

    def _stop_workers(self) -> None:
        processes = [worker.inner for worker in self.wrks if worker.inner.is_alive()]
        super()._stop_workers()  # type: ignore[no-untyped-call]
        deadline_s = time.monotonic() + _REAPED_S
        for process in processes:
            while process.exitcode is None and time.monotonic() < deadline_s:
                time.sleep(0.001)
            if process.exitcode == -signal.SIGKILL:
                self.killed.append(process.pid)


def granian_server(settings: Settings) -> WorkerServer:
    """Return the server of these settings; what it serves is given to its `serve`."""
    return WorkerServer(
        "target_app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_READ_TIMEOUT_MS),
        websockets=False,
        backlog=settings.backlog,
        backpressure=BACKPRESSURE,
        log_level=LogLevels.info,
        log_dictconfig=granian_log_config("main"),
        log_access=False,
        respawn_failed_workers=True,
        workers_kill_timeout=KILL_AFTER_S,
    )


def _load_worker(settings: Settings, parent_pid: int) -> Callable[..., Any]:
    """Called by granian in each worker process: the application and what belongs to its process."""
    die_with_parent(parent_pid)
    raise_descriptor_limit()
    app = create_app(settings, lambda _: _process_wide(settings, app.services))
    return app


@asynccontextmanager
async def _process_wide(settings: Settings, services: Services) -> AsyncIterator[None]:
    """Logs, metrics server and its announcement, around everything else of the worker."""
    _leave_on_sigterm(services)
    with (
        json_logs("app", settings.log_level) as handler,
        announced_metrics("app", settings.targets_dir, settings.metrics_host) as port,
    ):
        _LOG.info("metrics served", extra={"metrics_port": port})
        collect_garbage_seldom()
        flush = flushing(handler)
        flush.start()
        try:
            yield
        finally:
            await flush.stop()


def _leave_on_sigterm(services: Services) -> None:
    """Have the services leave before granian, which ends the lifespan only after the last answer.

    Streams would keep it waiting. granian ends a worker on SIGINT just as on SIGTERM, so SIGTERM
    is ours to take and SIGINT to pass on. What comes while the loop does not run, as between the
    startup and the server, uvloop keeps to itself until another signal: such a SIGTERM is told to
    the loop, and what came before its first run is heard by a signal of our own.
    """
    loop = asyncio.get_running_loop()
    left = False

    def leave() -> None:
        nonlocal left
        if not left:
            left = True
            services.leave()
            os.kill(os.getpid(), signal.SIGINT)

    def tell(*_: Any) -> None:
        with suppress(RuntimeError):  # it is closed: the worker is ending
            loop.call_soon_threadsafe(leave)

    loop.add_signal_handler(signal.SIGTERM, leave)
    signal.signal(signal.SIGTERM, tell)
    loop.add_signal_handler(signal.SIGUSR1, lambda: None)
    os.kill(os.getpid(), signal.SIGUSR1)


if __name__ == "__main__":
    sys.exit(main())
