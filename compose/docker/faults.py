"""What can be done from outside to services that are containers."""

from contextlib import suppress
from typing import Any, Final

import docker.errors
import psutil

from dress_rehearsal.compose.app_admin import AppAdmin
from dress_rehearsal.compose.docker.containers import PERIOD_US, ManagedContainer
from dress_rehearsal.compose.docker.daemon import doing
from dress_rehearsal.compose.docker.services import Services
from dress_rehearsal.compose.errors import (
    DaemonLostError,
    StageError,
    StageUnusableError,
    UndecidedError,
)
from dress_rehearsal.compose.faults.patience import DIES_WITHIN_S, GRACE_S
from dress_rehearsal.compose.faults.stage_faults import Done
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.compose.servers.redis import EMPTY_BUT_FAULTS, FAULT_SWITCHES
from dress_rehearsal.plans import Fault
from dress_rehearsal.records.collectors.redis import connect

_WIPES_WITHIN_S: Final = 5.0
_NO_LIMIT: Final = -1


class ContainerFaults:
    """The services of a Docker stage, as far as something can be done to them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._undo: dict[str, Done] = {}
        """What puts right what is wrong now, by the fault's title."""
        self._within_s: dict[str, float] = {}

    @property
    def admin(self) -> AppAdmin:
        """What the conductor has of the running app."""
        return self._services.admin

    @property
    def processes(self) -> ProcessGroup:
        """What runs."""
        return self._services.containers

    def wipe_redis(self) -> None:
        """Have Redis forget everything but which faults are on.

        Raises:
            UndecidedError: it does not answer in time.
            StageUnusableError: it refuses, or nothing answers there.
        """
        from redis import RedisError
        from redis import TimeoutError as AnswerLateError

        try:
            client = connect(self._services.redis_url, timeout_s=_WIPES_WITHIN_S)
            client.eval(EMPTY_BUT_FAULTS, 1, FAULT_SWITCHES)
        except AnswerLateError as error:
            raise UndecidedError(f"Redis may be emptied yet: {error}.") from error
        except RedisError as error:
            raise StageUnusableError(f"Redis cannot be emptied: {error}.") from error

    def pause(self, service: str) -> None:
        """Have all its processes stand still (the kernel's freezer).

        Raises:
            UndecidedError: it may be paused now.
            StageUnusableError: it does not run.
        """
        container = self._running(service)

        def do() -> None:
            with doing(f"{service} cannot be paused"):
                container.container.pause()

        self._put_wrong(f"pause {service}", do, container.go_on)

    def go_on(self, service: str) -> None:
        """Have it go on.

        Raises:
            StageUnusableError: it may be paused still.
        """
        self._put_right(f"pause {service}")

    def kill(self, service: str, why: str) -> None:
        """Kill it; its end is a planned loss.

        Raises:
            StageUnusableError: it does not run.
        """
        label = self._running(service).label
        self.processes.kill_planned(label)
        self.processes.await_end(label, DIES_WITHIN_S, why)

    def ask_to_end(self, service: str) -> None:
        """Ask it to end.

        Raises:
            StageUnusableError: it does not run.
        """
        self._within_s[service] = self.processes.ask_to_end(self._running(service).label)

    def await_end(self, service: str, why: str) -> None:
        """Wait until it has ended; that is a planned loss if it ended well.

        Raises:
            StageUnusableError: nobody asked it to.
        """
        within_s = self._within_s.get(service, 0.0) + GRACE_S
        self.processes.await_end(self._meant(service).label, within_s, why, well=True)

    def bring_back(self, service: str) -> None:
        """Start it again, with what it had, and wait until it works.

        Raises:
            StageError: it does not come back.
        """
        self._services.bring_back(self._meant(service).label)

    def constrain(self, fault: Fault) -> None:
        """Give it less of the network, of CPU or of memory.

        Raises:
            UndecidedError: it may have been done.
            StageUnusableError: the daemon says no, or it does not run.
        """
        container = self._running(fault.service or "")
        match fault.name:
            case "network_cut":
                do, undo = self._services.cut(container)
            case "cpu_squeeze":
                quota = _quota(fault.level)
                do, undo = self._limit(container, cpu_period=PERIOD_US, cpu_quota=quota)
            case "memory_limit":
                most = round(fault.level)
                do, undo = self._limit(container, mem_limit=most, memswap_limit=most)
            case _:
                do, undo = self._services.slow_down(fault)
        self._put_wrong(fault.title, do, undo)

    def restore(self, fault: Fault) -> None:
        """Give it back what it had.

        Raises:
            StageUnusableError: the daemon says no.
        """
        self._put_right(fault.title)

    def calm(self) -> None:
        """Put right whatever is still wrong; what cannot be is removed with its container."""
        for title in list(self._undo):
            with suppress(StageError, docker.errors.DockerException):
                self._put_right(title)

    def _put_wrong(self, title: str, do: Done, undo: Done) -> None:
        """Do something that can be undone; what fails is undone at once.

        Raises:
            UndecidedError: it may have been done, or be done yet.
            StageUnusableError: it was not done, or is undone.
        """
        self._undo[title] = undo  # first: what fails in the middle may be done all the same
        try:
            do()
        except StageError as error:
            undecided = isinstance(error, DaemonLostError)  # it may do it after the undoing
            try:
                undo()
            except StageError:  # what went wrong first is what is told
                undecided = True
            if undecided:
                raise UndecidedError(f"{error} It may have been done all the same.") from error
            self._undo.pop(title, None)
            raise

    def _put_right(self, title: str) -> None:
        undo = self._undo.get(title)
        if undo is not None:
            undo()
            self._undo.pop(title, None)  # last: what could not be undone is tried again

    def _meant(self, service: str) -> ManagedContainer:
        """Return the container that a plan means: of several of a service always the first one.

        Not the first that runs: else the end of a fault, or another fault, would be another's.
        """
        for container in self._services.containers.containers():
            if service in (container.name, container.label):
                return container
        raise StageUnusableError(f"Nothing can be done to {service}: this stage has none.")

    def _running(self, service: str) -> ManagedContainer:
        container = self._meant(service)
        if container.exit_code is not None:
            raise StageUnusableError(f"Nothing can be done to {container.label}: it does not run.")
        return container

    def _limit(self, container: ManagedContainer, **limits: Any) -> tuple[Done, Done]:
        """Return what sets limits of a container, and what puts back those of the plan."""
        limited = container.spec.limits
        cpus = None if limited is None else limited.cpus
        memory = None if limited is None else limited.memory
        before: dict[str, Any] = {
            "cpu_quota": _NO_LIMIT if cpus is None else _quota(cpus),
            # Docker knows no way back to "no limit" but one that is all the machine has.
            "mem_limit": memory or psutil.virtual_memory().total,
            "memswap_limit": memory or psutil.virtual_memory().total,
            "cpu_period": PERIOD_US,
        }

        def do() -> None:
            with doing(f"the limits of {container.label} cannot be changed"):
                container.container.update(**limits)

        def undo() -> None:
            with doing(f"the limits of {container.label} cannot be put back"):
                container.container.update(**{name: before[name] for name in limits})

        return do, undo


def _quota(cpus: float) -> int:
    return max(round(cpus * PERIOD_US), 1000)  # the kernel gives no less
