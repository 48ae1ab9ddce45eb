"""A health check that hangs is not green, and holds nobody up for longer than its time."""

import threading
import time
from types import SimpleNamespace
from typing import Any, cast

import docker.errors
import pytest

from dress_rehearsal.compose.docker.containers import ManagedContainer
from dress_rehearsal.compose.docker.health import Health
from dress_rehearsal.compose.docker.service_spec import HealthCheck

CHECK = HealthCheck(("true",), interval_s=5.0, timeout_s=0.2)


def container(run: Any, check: HealthCheck | None = CHECK) -> ManagedContainer:
    service = SimpleNamespace(health=check)
    return cast(
        "ManagedContainer",
        SimpleNamespace(
            spec=SimpleNamespace(service=service),
            container=SimpleNamespace(exec_run=run),
            exit_code=None,
        ),
    )


@pytest.mark.parametrize(("code", "green"), [(0, True), (1, False)])
def test_it_is_green_when_the_check_ends_well(code: int, green: bool) -> None:
    assert Health(container(lambda _: (code, b""))).is_green() is green


def test_without_a_check_it_is_green_as_soon_as_it_runs() -> None:
    assert Health(container(None, check=None)).is_green()


def test_a_check_that_hangs_is_not_green_and_is_left_after_its_time() -> None:
    over = threading.Event()

    def hang(_: Any) -> tuple[int, bytes]:
        over.wait(3600.0)
        return 0, b""

    assert not Health(container(hang)).is_green()
    over.set()


def test_a_container_that_has_ended_is_not_green() -> None:
    def ended(_: Any) -> Any:
        raise docker.errors.APIError("409 Conflict", explanation="container is not running")

    assert not Health(container(ended)).is_green()


def test_it_is_not_asked_more_often_than_five_times_a_second() -> None:
    asked: list[float] = []

    def ask(_: Any) -> tuple[int, bytes]:
        asked.append(time.monotonic())
        return 1, b""

    health = Health(container(ask))
    for _ in range(50):
        health.is_green()
    assert len(asked) == 1
