"""The containers of one stage: started as processes are, watched by their first process."""

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import docker
import docker.errors
from docker.models.containers import Container
from docker.types import EndpointConfig, Ulimit

from dress_rehearsal.compose.docker.container_end import ContainerEnd, end_of
from dress_rehearsal.compose.docker.container_log import ContainerLog
from dress_rehearsal.compose.docker.daemon import LABEL, ROLE_LABEL, doing
from dress_rehearsal.compose.docker.place import Place
from dress_rehearsal.compose.docker.service_spec import ServiceSpec
from dress_rehearsal.compose.errors import (
    DaemonLostError,
    StageError,
    StageUnusableError,
    describe_exit,
)
from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.process import KILLED_S, Managed, last_lines
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.plans.sections.stage import Limits

PERIOD_US: Final = 100_000
"""Over which the CPU time of a container is limited, as the kernel does it by default."""
_PROMPT: Final = ("nginx", "redis")
"""Short of processors these go before the app: who waits in a proxy is served in no order."""
_SHARES: Final = 4096
"""Four times what a container weighs."""
OF_OUR_IMAGE: Final = ("prepare", "app", "writeback", "neighbours")
"""The services that run the reference app's image, and log in JSON."""


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """What a container is, and how it is started: a service of the file in its place."""

    service: ServiceSpec
    container: str
    """Its own name among the stage's, such as `app-1`."""
    place: Place
    log: Path
    aliases: tuple[str, ...]
    """The names by which the others find it."""
    environment: Mapping[str, str]
    limits: Limits | None = None
    hostname: str | None = None
    """Its own name to itself, by which Docker has others find it too; its container's if None."""
    hidden: tuple[str, ...] = field(default=(), repr=False)
    """What no line of its log is shown with."""

    @property
    def name(self) -> str:
        """The name of its component, which is its service's."""
        return self.service.name

    def start(self) -> "ManagedContainer":
        """Make it and start it.

        Raises:
            StageUnusableError: the daemon says no.
        """
        with doing(f"the stage is not set: the container {self.container} cannot be started"):
            made = self._made()
            return ManagedContainer(self, made)

    def _made(self) -> Container:
        place, service = self.place, self.service
        settings: dict[str, Any] = dict(service.settings)
        ulimits = settings.pop("ulimits", {})
        return place.client.containers.create(
            service.image,
            command=None if service.command is None else list(service.command),
            entrypoint=None if service.entrypoint is None else list(service.entrypoint),
            name=f"{place.stage}-{self.container}",
            hostname=self.hostname or self.container,
            environment=dict(self.environment),
            labels={LABEL: place.stage, ROLE_LABEL: service.name},
            # Not as `volumes`: Docker would make a folder of root's where a source is missing.
            mounts=place.mounts(service),
            # The stage looks by itself, until it is green once: the daemon's own checks would go
            # on through the rush, each a process of its own.
            healthcheck={"test": ["NONE"]},
            stop_signal=service.stop_signal,
            network=place.network,
            networking_config={
                place.network: EndpointConfig(
                    place.client.api.api_version,
                    aliases=list(self.aliases),
                    ipv4_address=place.address,
                )
            },
            ulimits=[
                Ulimit(name=kind, soft=soft, hard=hard) for kind, (soft, hard) in ulimits.items()
            ],
            # The app says by its pid which worker answered: it is to be the one known here.
            pid_mode="host" if service.name in OF_OUR_IMAGE else None,
            cgroup_parent=place.group,
            cpu_shares=_SHARES if service.name in _PROMPT else None,
            **_limited(self.limits),
            **settings,
        )


def _limited(limits: Limits | None) -> dict[str, Any]:
    if limits is None:
        return {}
    found: dict[str, Any] = {}
    if limits.cpus is not None:  # not nano_cpus, which cannot be changed later on
        found |= {"cpu_period": PERIOD_US, "cpu_quota": round(limits.cpus * PERIOD_US)}
    if limits.memory is not None:  # without swap, as virtual machines of clouds are
        found |= {"mem_limit": limits.memory, "memswap_limit": limits.memory}
    return found


class ManagedContainer:
    """A container that was started; known by its first process, as this machine sees it."""

    def __init__(self, spec: ContainerSpec, container: Container) -> None:
        self.spec = spec
        self.container = container
        self.asked_to_stop = False
        self._end: ContainerEnd | None = None
        self._log = ContainerLog(container, spec.log)
        self.pid = 0
        self.identity: ProcessId | None = None
        self._begin()

    @property
    def name(self) -> str:
        """The name of its component, which is its service's."""
        return self.spec.name

    @property
    def label(self) -> str:
        """The container's own name among the stage's, such as `app-2`."""
        return self.spec.container

    @property
    def stop_signals(self) -> Sequence[tuple[signal.Signals, float]]:
        """How it is asked to end, with its grace period in seconds."""
        written = self.spec.service.stop_signal or "SIGTERM"
        return ((signal.Signals[written], self.spec.service.grace_s),)

    def start_again(self, spec: ContainerSpec) -> "ManagedContainer":
        """Start it again after it ended, with everything it had."""
        return ManagedContainer(spec, self.container)

    @property
    def exit_code(self) -> int | None:
        """How it ended, as `subprocess` has it (negative is a signal); None while it runs."""
        if self._end is None and (self.identity is None or not self.identity.alive):
            self._end = end_of(self.container)
        return None if self._end is None else self._end.exit_code

    def how_it_ended(self, code: int) -> str:
        """Return in words how it ended, and that it was for its memory where it was."""
        return describe_exit(code) if self._end is None else self._end.words

    def stop(self) -> int:
        """Ask it to end, wait for as long as its grace period is, kill it; return its exit code.

        Raises:
            StageUnusableError: the daemon does not answer, or not even SIGKILL ends it.
        """
        self.asked_to_stop = True
        with suppress(StageError):  # what cannot be told to go on is killed
            self.go_on()
        if self.exit_code is None:
            self.ask()
            code = self.wait(self.spec.service.grace_s)
            if code is not None:
                return code
        return self.kill()

    def go_on(self) -> None:
        """Have it go on where it is paused: it would hear of nothing.

        Raises:
            StageUnusableError: it may be paused still.
        """
        with doing(f"{self.spec.container} cannot go on"), _unless("is not paused"):
            self.container.unpause()

    def ask(self, number: signal.Signals | None = None) -> None:
        """Send a signal, by default the one that it ends by, and do not wait.

        Raises:
            DaemonLostError: the daemon does not answer; it counts as asked, for it may have been.
            StageUnusableError: the daemon says no.
        """
        before, self.asked_to_stop = self.asked_to_stop, True
        sent = self.stop_signals[0][0] if number is None else number
        try:
            with doing(f"{self.spec.container} cannot be asked to end"), _unless("is not running"):
                self.container.kill(signal=sent.name)
        except DaemonLostError:
            raise
        except StageUnusableError:
            self.asked_to_stop = before
            raise

    def wait(self, timeout_s: float) -> int | None:
        """Wait until it has ended; None when it still runs after `timeout_s`."""
        if self.identity is not None and not self.identity.wait(timeout_s):
            return None
        return self.exit_code

    def kill(self) -> int:
        """SIGKILL everything in it.

        Raises:
            StageUnusableError: it is there all the same.
        """
        if self.exit_code is None:
            self.ask(signal.SIGKILL)
        code = self.wait(KILLED_S)
        if code is None:
            raise StageUnusableError(
                f"The container {self.spec.container} does not end, not even by SIGKILL: the "
                f"kernel holds it, as it does while a disk or a network file system hangs."
            )
        return code

    def continue_log(self, log: Path) -> None:
        """Refuse: a Docker stage is set for one run.

        Raises:
            StageUnusableError: always.
        """
        raise StageUnusableError(f"The log {self.spec.log} cannot go on as {log}.")

    def last_lines(self, count: int = 15) -> list[str]:
        """Return the last `count` lines of its log that are not empty."""
        if self._end is not None:
            self._log.await_end()
        return last_lines(self.spec.log, count, self.spec.hidden)

    def _begin(self) -> None:
        """Start it, and have its log written from here on."""
        since = time.time()
        self.container.start()
        self.container.reload()
        state = self.container.attrs["State"]
        self.pid = int(state["Pid"])
        self.identity = ProcessId.of(self.pid) if self.pid else None
        self._log.follow(since)


@contextmanager
def _unless(so_already: str) -> Iterator[None]:
    """Pass over what the daemon says of a container that is gone, or is so already."""
    try:
        yield
    except docker.errors.NotFound:
        return
    except docker.errors.APIError as error:
        if so_already not in str(error):
            raise


class ContainerGroup(ProcessGroup):
    """The containers of a stage, last one first when they are stopped."""

    def containers(self) -> list[ManagedContainer]:
        """List those that were started, in that order, whether they still run or not."""
        return [one for one in self._members if isinstance(one, ManagedContainer)]

    def names(self) -> list[tuple[str, int]]:
        """List those that run as (container, pid of its first process)."""
        return [(one.spec.container, one.pid) for one in self.containers() if one.exit_code is None]

    def _launch(self, spec: Any, instead_of: int | None = None) -> Managed:
        gone = [one for one in self.containers() if one.pid == instead_of]
        if instead_of is None or not gone:
            return super()._launch(spec)
        with doing(f"{spec.container} cannot be started again"):
            return gone[0].start_again(spec)

    def _record(self, process: Managed, instead_of: int | None) -> None:
        """Record nothing: whoever clears the stage finds containers by their label."""
