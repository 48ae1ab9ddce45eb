"""A Redis that does not answer in time may do later what it was told."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from dress_rehearsal.compose.errors import StageUnusableError, UndecidedError
from dress_rehearsal.compose.servers import redis as module
from dress_rehearsal.compose.servers.redis import RedisServer
from dress_rehearsal.compose.stage_folder import StageFolder


def server(folder: Path) -> RedisServer:
    stage = SimpleNamespace(subfolder=lambda _: folder, marker={})
    return RedisServer(cast("StageFolder", stage), folder)


@contextlib.contextmanager
def answering(folder: Path, answer: bytes) -> Iterator[None]:
    """Have somebody at the socket answer so, or (empty) take what comes and be silent."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "redis.sock"))
        listening.listen()
        over = threading.Event()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)
                assert answer or over.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("r")  # a short path: a socket's name is no longer than 107


def test_a_wipe_that_was_not_answered_in_time_may_be_done_yet(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ANSWER_S", 0.1)
    with answering(folder, b""), pytest.raises(UndecidedError, match="may be emptied yet"):
        server(folder).wipe()


def test_a_wipe_that_is_refused_or_that_nobody_hears_is_not_done(folder: Path) -> None:
    with pytest.raises(StageUnusableError, match="cannot be emptied"):
        server(folder).wipe()
    with answering(folder, b"-ERR no\r\n"), pytest.raises(StageUnusableError, match="-ERR no"):
        server(folder).wipe()


def test_a_wipe_that_is_done_is_silent(folder: Path) -> None:
    with answering(folder, b"+OK\r\n"):
        server(folder).wipe()
