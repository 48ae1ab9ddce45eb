"""`rehearse worker`: plays a share of a rush that is led on another machine."""

import argparse
import shutil
import tempfile
from contextlib import suppress
from subprocess import Popen, TimeoutExpired
from typing import Final

from rich.markup import escape

from dress_rehearsal.plans import PlanError
from dress_rehearsal.plans.sections.generator import host_and_port
from dress_rehearsal.plans.types import format_duration, parse_duration
from dress_rehearsal.plans.visible import visible
from dress_rehearsal.records.environment_variables import child_environment, heeded, users_own
from dress_rehearsal.records.http.reach import PROXY_LOGIN
from dress_rehearsal.rehearsal.generator_process import ENTRY_VARIABLE
from dress_rehearsal.rehearsal.terminal.console import make_console
from dress_rehearsal.scenarios.memory import FRUGAL
from dress_rehearsal.scenarios.workers.process import input_of, started_worker
from dress_rehearsal.scenarios.workers.secret import SecretError, given_secret

_WITHIN: Final = "10m"
_LOOK_S: Final = 0.5
_ENDS_S: Final = 5.0


def add(worker: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
    worker.add_argument(
        "--master",
        required=True,
        metavar="HOST[:PORT]",
        help="where `rehearse run` listens: its plan's generator.listen",
    )
    worker.add_argument(
        "--within",
        default=_WITHIN,
        metavar="DURATION",
        help="how long the master may take to be there (%(default)s)",
    )
    worker.set_defaults(command=_work, only_output=False)


def _work(options: argparse.Namespace) -> int:
    try:
        host, port = host_and_port(options.master)
        within_s = parse_duration(options.within)
    except ValueError as error:
        option = "--within" if "duration" in str(error) else "--master"
        raise PlanError(f"{option}: {error}.") from error
    try:
        secret = given_secret()
    except SecretError as error:
        raise PlanError(str(error)) from error
    console = make_console()
    where = escape(visible(f"{host}:{port}"))
    console.print(f"Waiting up to {format_duration(within_s)} for the master at {where} …")
    folder = tempfile.mkdtemp(prefix="rehearsal-workers-")
    try:
        process = started_worker(
            host,
            port,
            folder,
            secret,
            child_environment({**users_own(), **heeded(ENTRY_VARIABLE, PROXY_LOGIN), **FRUGAL}),
            (f"{within_s}",),
        )
        try:
            return _ended(process)
        finally:
            _end(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ended(process: "Popen[bytes]") -> int:
    """Return the exit code of a worker, which ends by itself when its master does."""
    while True:
        with suppress(TimeoutExpired):
            return process.wait(_LOOK_S)


def _end(process: "Popen[bytes]") -> None:
    """See it end now."""
    with suppress(BrokenPipeError):
        input_of(process).close()
    try:
        process.wait(_ENDS_S)
    except TimeoutExpired:
        process.kill()
        process.wait(_ENDS_S)
