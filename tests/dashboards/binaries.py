"""The programs of the Prometheus and Docker packages that tests run, or are skipped without."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest


def binary(name: str) -> str:
    """Find a program; without it the test is skipped, or fails where none may be missing."""
    found = shutil.which(name)
    if found is None:
        message = f"There is no `{name}` on the PATH."
        if os.environ.get("REHEARSE_REQUIRE_OBSERVABILITY") == "1":
            pytest.fail(f"{message} REHEARSE_REQUIRE_OBSERVABILITY=1 wants it.")
        pytest.skip(message)
    return found


def run(name: str, *arguments: str | Path) -> str:
    """Run a program and give what it wrote; a failing one fails the test with it."""
    finished = attempt([binary(name), *map(str, arguments)])
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout + finished.stderr


def attempt(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, whatever that is."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
