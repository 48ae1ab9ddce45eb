"""The relays of a Docker stage: each stands before one container, under the name that the others
know its service by, and delays or loses what passes it while a fault wants that."""

import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from dress_rehearsal.compose.docker.containers import ContainerSpec
from dress_rehearsal.compose.docker.service_spec import HealthCheck, ServiceSpec
from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.faults.stage_faults import Done
from dress_rehearsal.plans import Fault

_PORTS: Final = {
    "postgres": 5432,
    "redis": 6379,
    "kafka": 9092,
    "sqs": 5000,
    "app": 8080,
    "neighbours": 8081,
    "nginx": 8080,
}
"""Where each service is connected to."""
_CONTROL_PORT: Final = 7400
_ANSWERS_WITHIN_S: Final = 3.0
_MOST_BYTES: Final = 256
_GRACE_S: Final = 2.0
_RELAYED: Final = ("latency", "packet_loss")
_IS_THERE: Final = f"import socket; socket.create_connection(('127.0.0.1', {_CONTROL_PORT}), 2)"


@dataclass(frozen=True, slots=True)
class RelayPlace:
    """A relay that a stage has.

    Attributes:
        service: whose name it goes by.
        container: the one it stands before.
        address: its own.
    """

    service: str
    container: str
    address: str

    def before(self, hidden: ContainerSpec, ours: ServiceSpec) -> list[ContainerSpec]:
        """Return a container that is found by its address only, and the relay by its names.

        Args:
            ours: a service of our own image, whose rights the relay has, and none of its secrets.
        """
        port = str(_PORTS[self.service])
        service = replace(
            ours,
            name=relay_name(self.service),
            build=None,
            command=(
                *("python3", "-m", "dress_rehearsal.compose.relay"),
                *(port, hidden.place.address, port, str(_CONTROL_PORT)),
            ),
            environment={},
            mounts=(),
            secrets=(),
            health=HealthCheck(("python3", "-c", _IS_THERE), 1.0, _ANSWERS_WITHIN_S),
            needs={},
            grace_s=_GRACE_S,
        )
        name = relay_name(self.container)
        relay = ContainerSpec(
            service=service,
            container=name,
            place=replace(hidden.place, address=self.address),
            log=hidden.log.with_name(f"{name}.log"),
            aliases=hidden.aliases,
            environment=service.environment,
        )
        behind = f"{self.container}-behind"
        # Docker has others find a container by its host name too. One of several, such as `app-1`,
        # keeps its own: by that it announces itself, and nobody looks for it.
        hostname = behind if self.container == self.service else None
        return [replace(hidden, aliases=(behind,), hostname=hostname), relay]

    def order(self, line: str) -> None:
        """Have it do what a line of its control says.

        Raises:
            StageUnusableError: it does not answer, or does not understand.
        """
        try:
            with socket.create_connection((self.address, _CONTROL_PORT), _ANSWERS_WITHIN_S) as told:
                told.sendall(f"{line}\n".encode())
                answer = b""
                while not answer.endswith(b"\n") and (got := told.recv(_MOST_BYTES)):
                    answer += got
        except OSError as error:
            raise StageUnusableError(
                f"The relay before {self.container} does not answer: {error}."
            ) from error
        if answer != b"ok\n":
            said = answer.decode("ascii", "replace").strip()
            raise StageUnusableError(
                f"The relay before {self.container} does not do what it is told: {said!r}."
            )


def relay_name(name: str) -> str:
    """Return the name of the relay before a container or a service."""
    return f"relay-{name}"


def relays_for(
    faults: Sequence[Fault],
    containers: Sequence[tuple[str, str]],
    address: Callable[[], str],
) -> dict[str, RelayPlace]:
    """Return the relays that faults need, by the container that each stands before.

    Of several containers of a service that a fault names it is the first.

    Args:
        containers: those of the stage, as (service, container).
        address: returns one that nobody had before.
    """
    first: dict[str | None, str] = {}
    for service, container in containers:
        first.setdefault(service, container)
    slow = [fault.service for fault in faults if fault.name in _RELAYED]
    about = {first.get(service, service) for service in slow}
    return {
        container: RelayPlace(service, container, address())
        for service, container in containers
        if container in about
    }


def slow_down(fault: Fault, relays: Iterable[RelayPlace]) -> tuple[Done, Done]:
    """Return what has the relay that a fault is about delay or lose, and what ends that.

    Both raise a StageUnusableError where it does not obey.
    """
    relay = next(one for one in relays if fault.service in (one.service, one.container))
    if fault.name == "latency":
        on, off = f"latency {fault.level} {fault.jitter}", "latency 0 0"
    else:
        on, off = f"loss {fault.level}", "loss 0"
    return partial(relay.order, on), partial(relay.order, off)
