"""Where a stage lives: whatever its path is called, its servers are found there."""

import os
import pwd
import shutil
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import redis
from psycopg.conninfo import conninfo_to_dict

from dress_rehearsal.compose import StageUnusableError
from dress_rehearsal.compose.embedded.stores import Stores
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.compose.servers.postgres import PostgresServer
from dress_rehearsal.compose.servers.redis import RedisServer
from dress_rehearsal.compose.stage_folder import StageFolder

NAMES = ["a b", "50%41", "a#b?c", "it's", 'say "so"', "é 節", "a&b=c;d:e@f", "~$HOME"]


@pytest.fixture
def short():
    """A folder with a short path, for a socket in it has to fit 107 bytes."""
    place = Path(tempfile.mkdtemp(prefix="p", dir="/tmp"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture(params=NAMES)
def folder(request, short, monkeypatch):
    place = short / request.param
    place.mkdir()
    place.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(place))
    made = StageFolder.create()
    yield made
    made.remove()


def test_clients_find_redis_by_its_url(folder, tmp_path):
    server = RedisServer(folder, tmp_path)
    pool = redis.Redis.from_url(server.url).connection_pool
    assert pool.connection_kwargs["path"] == str(folder.path / "redis" / "redis.sock")
    assert unquote(urlsplit(server.url).path) == str(folder.path / "redis" / "redis.sock")


def test_clients_find_postgresql_by_its_dsn(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() or 1)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: None)
    server = PostgresServer(folder, tmp_path, 20)
    assert conninfo_to_dict(server.dsn())["host"] == str(folder.path / "postgres")
    (listed,) = [a for a in server.server().argv if a.startswith("--unix_socket_directories=")]
    quoted = listed.partition("=")[2]
    assert quoted[0] == quoted[-1] == '"'
    assert quoted[1:-1].replace('""', '"') == str(folder.path / "postgres")


def test_a_user_without_a_name_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_123)
    folder = StageFolder.create()
    with pytest.raises(StageUnusableError, match=r"uid 4000123 has none here; add a line for it"):
        PostgresServer(folder, tmp_path, 20)
    folder.remove()


@pytest.mark.slow
def test_a_stage_is_set_where_the_path_has_every_kind_of_character(short, tmp_path, monkeypatch):
    """The servers themselves, not only what clients make of their names."""
    place = short / """dr t%41#?;é"'"""
    place.mkdir()
    place.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(place))
    folder = StageFolder.create()
    processes = ProcessGroup(folder, 25.0)
    try:
        Stores(folder, tmp_path, 20).start(processes)  # returns once both have answered
    finally:
        processes.abandon()
        folder.remove()
    assert list(place.iterdir()) == []
