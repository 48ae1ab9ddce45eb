"""Conductors that can be killed: processes of their own, run by this user or by another one."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

PROBE = "import dress_rehearsal.compose.embedded.stage, asyncpg, granian, litestar, redis"


@dataclass
class Interpreter:
    """How a Python is run that has what is installed here."""

    command: list[str]
    environment: dict[str, str]
    user: str | None = None


class FakeConductor:
    """A process that runs `code`, tells one JSON document, and then waits to be killed."""

    def __init__(self, interpreter: Interpreter, code: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*interpreter.command, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=interpreter.environment,
            start_new_session=True,
            user=interpreter.user,
            cwd="/",
        )

    @cached_property
    def told(self) -> Any:
        """What it told; awaited when first asked for, so that several can start at once."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the conductor ended with {self.process.wait()} and told nothing"
        return json.loads(line)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


def interpreter_for(user: str) -> Interpreter:
    """Find a way for another user to run this version of Python with what is installed here.

    Ours may be in a private home: then that user is let through it, and nothing more.
    """
    let_through = ["setpriv", f"--reuid={user}", "--clear-groups"]
    let_through += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    for interpreter in (
        Interpreter([sys.executable], dict(os.environ), user),
        Interpreter([*let_through, sys.executable], dict(os.environ)),
    ):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            subprocess.run(
                [*interpreter.command, "-c", PROBE],
                user=interpreter.user,
                env=interpreter.environment,
                cwd="/",
                check=True,
                capture_output=True,
            )
            return interpreter
    pytest.skip(f"user {user} can run no Python of this version here")
