"""Shared memory of a killed PostgreSQL is given back, and nobody else's."""

import ctypes
import os
from pathlib import Path

import pytest

from dress_rehearsal.compose.shared_memory import release

_CREATE = 0o1000 | 0o600
_REMOVE = 0
LIBC = ctypes.CDLL(None, use_errno=True)


def _key() -> int:
    return 0x0D000000 + os.getpid()


@pytest.fixture
def segment():
    made = LIBC.shmget(_key(), ctypes.c_size_t(56), _CREATE)
    assert made >= 0
    yield made
    LIBC.shmctl(made, _REMOVE, None)


def lock_file(folder: Path, words: str) -> None:
    """Write a `postmaster.pid` as PostgreSQL does."""
    data = folder / "postgres" / "data"
    data.mkdir(parents=True)
    lines = ["4711", str(data), "1795832066", "5432", str(folder), "", words, "ready"]
    (data / "postmaster.pid").write_text("\n".join(lines) + "\n")


def there(segment: int) -> bool:
    return LIBC.shmget(_key(), ctypes.c_size_t(0), 0) == segment


def test_what_a_killed_server_held_is_given_back(tmp_path: Path, segment: int) -> None:
    lock_file(tmp_path, f"{_key():9} {segment:9}")
    release(tmp_path)
    assert not there(segment)


@pytest.mark.parametrize("words", ["{other:9} {segment:9}", "{key:9} {next:9}", "", "no numbers"])
def test_what_may_be_somebody_elses_stays(tmp_path: Path, segment: int, words: str) -> None:
    values = {"key": _key(), "other": _key() + 1, "segment": segment, "next": segment + 1}
    lock_file(tmp_path, words.format(**values))
    release(tmp_path)
    assert there(segment)


def test_a_server_that_ended_well_left_nothing_to_do(tmp_path: Path) -> None:
    release(tmp_path)
