"""How a container ended is told with whose memory had run out, as far as Docker knows."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from dress_rehearsal.compose.docker import container_end as module

MIB = 2**20


def ended(limit: int, *, for_memory: bool = True, code: int = 137) -> str:
    """How a container ended that had such a limit when it did (0: none), in words."""
    state = {"Status": "exited", "ExitCode": code, "OOMKilled": for_memory}
    attrs = {"State": state, "HostConfig": {"Memory": limit}}
    container: Any = SimpleNamespace(attrs=attrs, reload=lambda: None)
    end = module.end_of(container)
    assert end is not None
    return end.words


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


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (255, "ended with exit code 255"),
        (193, "ended with exit code 193"),
        (192, "was killed by SIGRTMAX"),
        (129, "was killed by SIGHUP"),
        (128, "ended with exit code 128"),
        (0, "ended with exit code 0"),
    ],
)
def test_an_exit_code_beyond_all_signals_is_the_program_s_own(code: int, words: str) -> None:
    assert ended(0, for_memory=False, code=code) == words
