"""What Docker's daemon refuses, and that it does not answer, is said in a sentence each."""

import docker.errors
import pytest
import requests

from dress_rehearsal.compose.docker.daemon import connect, doing
from dress_rehearsal.compose.errors import DaemonLostError, StageUnusableError


def refusal(said: str) -> docker.errors.APIError:
    return docker.errors.APIError("500 Server Error", explanation=said)


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("write /x: no space left on device", "free space where Docker keeps its data"),
        ("could not find an available, non-overlapping IPv4 address pool", "docker network ls"),
        ("Range of CPUs is from 0.01 to 2.00", "lower cpus under [stage.limits]"),
        ("driver failed: port is already allocated", "see `docker ps` for whose it is"),
        ('The container name "/x" is already in use', "see `docker ps -a` for whose it is"),
    ],
)
def test_what_the_daemon_refuses_is_said_with_what_to_do(said: str, remedy: str) -> None:
    with pytest.raises(StageUnusableError) as refused, doing("the stage is not set: x"):
        raise refusal(said)
    sentence = str(refused.value)
    assert sentence.startswith("The stage is not set: x: Docker says: ")
    assert remedy in sentence
    assert not isinstance(refused.value, DaemonLostError)


def test_a_refusal_of_several_lines_is_one(  # runc's are
) -> None:
    with pytest.raises(StageUnusableError) as refused, doing("it cannot be paused"):
        raise refusal("runc did not end well\n: unknown")
    assert str(refused.value) == (
        "It cannot be paused: Docker says: runc did not end well : unknown."
    )


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(13, "Permission denied"), "this user may not speak to Docker's daemon"),
        (requests.ReadTimeout("Read timed out."), "did not answer within 60 s"),
        (requests.ConnectionError("gone"), "does not answer any more"),
        (ConnectionRefusedError("refused"), "does not answer any more"),
    ],
)
def test_a_daemon_that_does_not_answer_is_a_loss_of_its_own(error: Exception, says: str) -> None:
    with pytest.raises(DaemonLostError) as lost, doing("the log cannot be read"):
        raise error
    assert says in str(lost.value)


def test_where_none_was_reached_it_is_said_how_to_start_one() -> None:
    with (
        pytest.raises(DaemonLostError, match="no Docker daemon answers at unix:///x"),
        doing("the stage is not set", "unix:///x"),
    ):
        raise requests.ConnectionError("no such file")


@pytest.mark.parametrize("host", ["tcp://192.0.2.1:2375", "ssh://somebody@staging"])
def test_another_machines_daemon_is_refused(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(StageUnusableError, match="on this machine only"):
        connect()
