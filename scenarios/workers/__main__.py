"""A worker process, started by its master or by `rehearse worker`.

Run as `python -m dress_rehearsal.scenarios.workers HOST PORT FOLDER [WAIT_S]`. Standard input says
the shared secret, in hexadecimal, and stays open as long as whoever started it lives: at its end
this process ends. What it writes to the disk is in a folder of its own below FOLDER.

Where its master has forked it, standard input says the arguments before the secret.
"""

import json
import logging
import os
import resource
import shutil
import signal
import sys
import tempfile
from argparse import Namespace
from typing import Any, Final

import locust  # noqa: F401  (first: it makes the process cooperative)
from gevent import monkey
from locust import runners
from locust.env import Environment
from locust.exception import RPCError

from dress_rehearsal.scenarios.students.student import Student
from dress_rehearsal.scenarios.workers.worker import REFUSED, Worker

_read: Final = monkey.get_original("os", "read")
_STDIN: Final = 0
_MOST_BYTES: Final = 16_384
MASTER_SILENT_S: Final = 30
"""After so many seconds without a heartbeat of the master's the worker ends."""
_DECIDED_WITHIN_S: Final = 30.0
_LINGER_MS: Final = 1000
LOST, NO_MASTER = 1, 3
"""Exit codes: it could not play; there was nobody who would have dealt it students."""


def play_forked() -> int:
    """Play as a worker that its master has forked, and return the exit code."""
    arguments = line_said()
    return main(json.loads(arguments)) if arguments else NO_MASTER


def line_said() -> str:
    """Return the next line of standard input, empty at its end."""
    line = b""
    while not line.endswith(b"\n") and len(line) < _MOST_BYTES:
        piece = _read(_STDIN, 1)
        if not piece:
            break
        line += piece
    return line.decode().strip()


def end_with_whoever_started_it(below: str) -> None:
    """End this process, at once, when standard input ends; also while its loop is busy.

    Args:
        below: the folder for all that is written to the disk.
    """

    def watch() -> None:
        while _read(_STDIN, 1):
            pass
        # Whoever started it could not take away its own, nor those of others that were killed.
        shutil.rmtree(below, ignore_errors=True)
        os._exit(LOST)

    monkey.get_original("_thread", "start_new_thread")(watch, ())


def main(arguments: list[str]) -> int:
    """Play what the master deals, once, and return the exit code."""
    host, port, below, *wait_s = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it decides what Ctrl-C means
    secret = bytes.fromhex(line_said())
    folder = tempfile.mkdtemp(dir=below)
    end_with_whoever_started_it(below)
    tempfile.tempdir = folder
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    runners.MASTER_HEARTBEAT_TIMEOUT = MASTER_SILENT_S
    if wait_s:
        runners.CONNECT_RETRY_COUNT = max(round(float(wait_s[0]) / runners.CONNECT_TIMEOUT), 1)
    try:
        return _work(host, int(port), secret)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _work(host: str, port: int, secret: bytes) -> int:
    environment = Environment(user_classes=[Student])
    # Else Locust reads its own from a file of the folder that it was started in.
    environment.parsed_options = Namespace(web_base_path="", headless=True)
    try:
        runner = environment.create_worker_runner(host, port)
    except (ConnectionError, RPCError):
        return _said(NO_MASTER, f"Nobody who leads workers answers at {host}:{port}.")
    worker = Worker(environment, runner, secret, guarded=True)
    if not worker.channel.decided.wait(_DECIDED_WITHIN_S):
        return _said(NO_MASTER, f"Whoever answers at {host}:{port} leads no rehearsal.")
    if not worker.channel.is_admitted:
        runner.greenlet.kill()
        connection: Any = runner.client
        connection.close(linger=_LINGER_MS)  # so that the master hears the last of it
        return REFUSED
    runner.greenlet.join()
    if worker.failure is not None:
        return _said(LOST, worker.failure)
    return (
        0
        if worker.played
        else _said(NO_MASTER, "The master has ended, and had no students for this worker.")
    )


def _said(code: int, sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
