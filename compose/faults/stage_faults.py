"""A plan's faults: what the app does wrong itself, and what is done to the stage around it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from dress_rehearsal.compose.app_admin import AppAdmin
from dress_rehearsal.compose.errors import StageUnusableError, UndecidedError
from dress_rehearsal.compose.faults.cpu_hogs import CpuHogs
from dress_rehearsal.compose.faults.stopped import Stopped
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.plans import FAULTS, Fault

Done = Callable[[], None]


class StruckServices(Protocol):
    """The services of a stage, as far as something can be done to them from outside.

    A service is named as in a plan; one container of several by its own name, such as `app-2`.
    Each method raises a `StageError` where it cannot be done.
    """

    @property
    def admin(self) -> AppAdmin:
        """What the conductor has of the running app."""

    @property
    def processes(self) -> ProcessGroup:
        """What runs."""

    def wipe_redis(self) -> None:
        """Have Redis forget everything but which faults are on."""

    def pause(self, service: str) -> None:
        """Have it stand still."""

    def go_on(self, service: str) -> None:
        """Have it go on."""

    def kill(self, service: str, why: str) -> None:
        """Kill it; its end is a planned loss."""

    def ask_to_end(self, service: str) -> None:
        """Ask it to end."""

    def await_end(self, service: str, why: str) -> None:
        """Wait until it has ended; that is a planned loss if it ended well."""

    def bring_back(self, service: str) -> None:
        """Start it again, with what it had, and wait until it works."""

    def constrain(self, fault: Fault) -> None:
        """Give it less of the network, of CPU or of memory."""

    def restore(self, fault: Fault) -> None:
        """Give it back what it had."""

    def calm(self) -> None:
        """Undo what stands in the way of clearing the stage, whatever was done."""


class StageFaults:
    """Begins and ends what goes wrong with one stage on purpose.

    Both methods may be called from any thread, for one fault from one thread at a time. Processes
    that end by them are reported as planned losses.
    """

    def __init__(self, services: StruckServices) -> None:
        self._services = services
        self._worker = Stopped()
        self._hogs = CpuHogs()

    def calm(self) -> None:
        """Have what is stopped go on, and end the hogs; nothing where there is neither.

        Whoever clears a stage would wait in vain for what is stopped to end.
        """
        self._worker.go_on()
        self._services.calm()
        self._hogs.end()

    def strike(self, fault: Fault) -> None:
        """Make it go wrong.

        Raises:
            StageError: it cannot be done.
        """
        if FAULTS[fault.name].place == "app":
            self._switch_on(fault)
        else:
            with _permitted(fault):
                self._outside(fault)[0]()

    def relieve(self, fault: Fault) -> None:
        """End it; what was down is up again when this returns.

        Raises:
            StageError: it cannot be ended.
        """
        if FAULTS[fault.name].place == "app":
            try:
                self._services.admin.switch(fault.name, 0.0)
            finally:
                self._expect(fault, None)
        else:
            with _permitted(fault):
                self._outside(fault)[1]()

    def _switch_on(self, fault: Fault) -> None:
        """Switch on one of the app's own."""
        self._expect(fault, _why(fault, "A worker of the app killed itself"))
        try:
            self._services.admin.switch(fault.name, fault.level)
        except UndecidedError:
            raise  # it may be on: it is relieved in its time
        except BaseException:
            self._expect(fault, None)
            raise

    def _expect(self, fault: Fault, why: str | None) -> None:
        """Have the end of a worker be planned, or (None) no more, where the fault is to end one."""
        if fault.name == "kill_after_grant":
            self._services.processes.expect_loss(why)

    def _outside(self, fault: Fault) -> tuple[Done, Done]:
        """Return how a fault is done to the stage, and how it is ended."""
        services = self._services
        match fault.name:
            case "worker_crash":
                why = _why(fault, "A worker of the app was killed by SIGKILL")
                return partial(services.processes.kill_worker, why), _nothing
            case "worker_stopped":
                return self._stop_worker, self._worker.go_on
            case "redis_wipe":
                return services.wipe_redis, _nothing
            case "cpu_hogs":
                assert fault.lasts is not None
                return partial(self._hogs.begin, round(fault.level), fault.lasts), self._hogs.end
        kind, service = fault.deed
        match kind:
            case "pause":
                return partial(services.pause, service), partial(services.go_on, service)
            case "kill":
                why = _why(fault, f"{fault.whom} was killed")
                return partial(services.kill, service, why), partial(services.bring_back, service)
            case "restart":
                why = _why(fault, f"{fault.whom} was asked to end, and ended well")
                ask = partial(services.ask_to_end, service)
                return ask, partial(self._restart, service, why)
            case _:
                return partial(services.constrain, fault), partial(services.restore, fault)

    def _stop_worker(self) -> None:
        self._worker.stop(self._services.processes.worker())

    def _restart(self, service: str, why: str) -> None:
        self._services.await_end(service, why)
        self._services.bring_back(service)


@contextmanager
def _permitted(fault: Fault) -> Iterator[None]:
    """Say so where a process may not be signalled: containers run as another user.

    Raises:
        StageUnusableError: it may not.
    """
    try:
        yield
    except PermissionError as error:
        raise StageUnusableError(
            f"{fault.title} sends a signal to a process in a container, which runs as another user "
            f"than this one: rehearse as root, or choose a fault that is done to a service."
        ) from error


def _nothing() -> None:
    """What is over at once needs no end."""


def _why(fault: Fault, what: str) -> str:
    return f"{what}, as the plan's fault {fault.title} wants."
