"""Which relays a plan's faults need, how they run, and how they are told what to do."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.compose.docker import relays as module
from dress_rehearsal.compose.docker.compose_file import read_compose_file
from dress_rehearsal.compose.docker.containers import ContainerSpec
from dress_rehearsal.compose.docker.place import Place
from dress_rehearsal.compose.docker.relays import RelayPlace, relays_for, slow_down
from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.plans import Fault

CONTAINERS = [("postgres", "postgres"), ("redis", "redis"), ("app", "app-1"), ("app", "app-2")]
HERE = "127.0.0.1"


def fault(**values: Any) -> Fault:
    return Fault.model_validate({"name": "latency", "at": "T+1s", **values})


@pytest.mark.parametrize(
    ("asked", "relayed"),
    [
        (["postgres"], {"postgres"}),
        (["app"], {"app-1"}),
        (["app", "app-1", "app-2"], {"app-1", "app-2"}),
        (["app-2", "redis"], {"app-2", "redis"}),
        ([], set()),
    ],
)
def test_a_relay_stands_before_each_container_that_is_to_be_slow_and_before_no_other(
    asked: list[str], relayed: set[str]
) -> None:
    faults = [fault(service=name) for name in asked]
    faults.append(fault(name="pause", service="redis"))
    addresses = iter(["10.0.0.8", "10.0.0.9"])
    found = relays_for(faults, CONTAINERS, lambda: next(addresses))
    assert {name: relay.container for name, relay in found.items()} == {
        name: name for name in relayed
    }


def test_a_relay_has_the_names_of_what_it_stands_before_and_none_of_its_secrets() -> None:
    services = read_compose_file({}).services
    client: Any = None
    hidden = ContainerSpec(
        service=services["postgres"],
        container="postgres",
        place=Place(
            client,
            "stage",
            "stage",
            "10.0.0.2",
            {},
            frozenset(),
            {"postgres_password": Path("/x")},
        ),
        log=Path("/logs/postgres.log"),
        aliases=("postgres",),
        environment={"POSTGRES_USER": "festival"},
    )
    behind, relay = RelayPlace("postgres", "postgres", "10.0.0.9").before(hidden, services["app"])
    assert (behind.aliases, behind.hostname) == (("postgres-behind",), "postgres-behind")
    assert behind.place.address == "10.0.0.2"
    assert (relay.aliases, relay.place.address) == (("postgres",), "10.0.0.9")
    assert (relay.name, relay.container) == ("relay-postgres", "relay-postgres")
    assert relay.service.command is not None
    assert relay.service.command[2:] == (
        *("dress_rehearsal.compose.relay", "5432", "10.0.0.2", "5432", "7400"),
    )
    assert not (relay.service.secrets or relay.service.mounts or relay.environment)
    assert relay.service.settings["read_only"] is True
    assert relay.service.settings["cap_drop"] == ["ALL"]


@contextmanager
def controls(*answers: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield the port of something that answers one line a connection, and what it was told."""
    told: list[str] = []
    with socket.create_server((HERE, 0)) as server:

        def serve() -> None:
            for answer in answers:
                connection, _ = server.accept()
                with connection:
                    told.append(connection.makefile("r").readline().strip())
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], told
        thread.join(5)


@pytest.mark.parametrize(
    ("asked", "on", "off"),
    [
        ({"grade": "100ms", "jitter": "20ms"}, "latency 0.1 0.02", "latency 0 0"),
        ({"name": "packet_loss", "grade": "5%"}, "loss 0.05", "loss 0"),
    ],
)
def test_a_relay_is_told_when_a_fault_begins_and_when_it_ends(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, str], on: str, off: str
) -> None:
    with controls(b"ok\n", b"ok\n") as (port, told):
        monkeypatch.setattr(module, "_CONTROL_PORT", port)
        do, undo = slow_down(fault(service="app-1", **asked), [RelayPlace("app", "app-1", HERE)])
        do()
        assert told == [on]
        undo()
    assert told == [on, off]


def test_a_relay_that_does_not_obey_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with controls(b"no: why\n") as (port, told):
        monkeypatch.setattr(module, "_CONTROL_PORT", port)
        with pytest.raises(StageUnusableError, match=r"before app-2 does not do what .*'no: why'"):
            slow_down(fault(service="app-2"), [RelayPlace("app", "app-2", HERE)])[0]()
    assert told == ["latency 0.1 0.0"]


def test_a_relay_that_is_gone_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((HERE, 0)) as server:
        monkeypatch.setattr(module, "_CONTROL_PORT", server.getsockname()[1])
    with pytest.raises(StageUnusableError, match=r"relay before redis does not answer: .*refused"):
        slow_down(fault(service="redis"), [RelayPlace("redis", "redis", HERE)])[0]()
