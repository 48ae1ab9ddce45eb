"""How a container ended is told with whose memory had run out, as far as Docker knows."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from dress_rehearsal.compose.docker import containers as module
from dress_rehearsal.compose.docker.containers import ManagedContainer

MIB = 2**20


def ended(limit: int, *, for_memory: bool = True) -> str:
    """How a container ended that had such a limit when it did (0: none), in words."""
    state = {"Status": "exited", "ExitCode": 137, "OOMKilled": for_memory}
    attrs = {"State": state, "HostConfig": {"Memory": limit}}
    one: Any = ManagedContainer.__new__(ManagedContainer)
    one.container = SimpleNamespace(attrs=attrs, reload=lambda: None)
    one.identity, one._exit_code, one._out_of_memory, one._memory_limit = None, None, False, ""
    return str(one.how_it_ended(one.exit_code))


@pytest.mark.parametrize(
    ("unified", "limit", "said"),
    [
        (False, 64 * MIB, "for needing more memory than its limit of 64 MiB"),
        (True, 64 * MIB, "because memory had run out: its limit of 64 MiB or the whole machine's"),
        (False, 0, "because the whole machine had no memory left"),
        (True, 0, "because the whole machine had no memory left"),
        (True, psutil.virtual_memory().total, "because the whole machine had no memory left"),
    ],
)
def test_whose_memory_had_run_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, unified: bool, limit: int, said: str
) -> None:
    monkeypatch.setattr(module, "_UNIFIED", tmp_path if unified else tmp_path / "none")
    assert ended(limit) == f"was killed by SIGKILL {said}"


def test_who_was_killed_for_nothing_of_memory_needed_none() -> None:
    assert ended(64 * MIB, for_memory=False) == "was killed by SIGKILL"
