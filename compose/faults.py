"""A plan's faults done to the stage: its processes, its stores and the app's own switches."""

from collections.abc import Callable
from functools import partial
from signal import SIGTERM
from typing import Final

from dress_rehearsal.compose.cpu_hogs import CpuHogs
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.compose.service import APP_DRAINS_S, Service
from dress_rehearsal.compose.stopped import Stopped
from dress_rehearsal.compose.stores import Stores
from dress_rehearsal.plans import FAULTS, Fault

_STORES: Final = {"redis_down": "redis", "database_down": "postgres"}
_GRACE_S: Final = 1.0
"""Beyond what the app promises for its end."""


class StageFaults:
    """Begins and ends what goes wrong with one stage on purpose.

    Both methods may be called from any thread, for one fault from one thread at a time. Processes
    that end by them are reported as planned losses.
    """

    def __init__(self, processes: ProcessGroup, stores: Stores, service: Service) -> None:
        self._processes = processes
        self._stores = stores
        self._service = service
        self._stopped = {"worker_stopped": Stopped(), "database_stopped": Stopped()}
        self._hogs = CpuHogs()

    def calm(self) -> None:
        """Have what is stopped go on, and end the hogs; nothing where there is neither.

        Whoever clears a stage would wait in vain for what is stopped to end.
        """
        for stopped in self._stopped.values():
            stopped.go_on()
        self._hogs.end()

    def strike(self, fault: Fault) -> None:
        """Make it go wrong.

        Raises:
            StageError: it cannot be done.
        """
        if FAULTS[fault.name].place == "app":
            if fault.name == "kill_after_grant":
                self._processes.expect_loss(_why(fault, "A worker of the app killed itself"))
            self._switch(fault, fault.level)
        else:
            self._process_fault(fault)[0]()

    def relieve(self, fault: Fault) -> None:
        """End it; what was down is up again when this returns.

        Raises:
            StageError: it cannot be ended.
        """
        if FAULTS[fault.name].place == "app":
            self._switch(fault, 0.0)
            if fault.name == "kill_after_grant":
                self._processes.expect_loss(None)
        else:
            self._process_fault(fault)[1]()

    def _switch(self, fault: Fault, grade: float) -> None:
        self._service.admin.switch(fault.name, grade)

    def _process_fault(self, fault: Fault) -> tuple[Callable[[], None], Callable[[], None]]:
        """Return how a fault is done to the stage's processes, and how it is ended."""
        processes, stores = self._processes, self._stores
        match fault.name:
            case "worker_crash":
                why = _why(fault, "A worker of the app was killed by SIGKILL")
                return partial(processes.kill_worker, why), _nothing
            case "redis_wipe":
                return stores.redis.wipe, _nothing
            case "sigterm_mid_sale":
                return partial(processes.ask_to_end, "app", SIGTERM), partial(
                    self._restart_app, fault
                )
            case "worker_stopped" | "database_stopped":
                return partial(self._stop, fault.name), self._stopped[fault.name].go_on
            case "cpu_hogs":
                assert fault.lasts is not None
                return partial(self._hogs.begin, round(fault.level), fault.lasts), self._hogs.end
            case _:
                store = _STORES[fault.name]
                why = _why(fault, f"{store} was killed")
                return (
                    partial(stores.take_down, store, processes, why),
                    partial(stores.bring_back, store, processes),
                )

    def _stop(self, name: str) -> None:
        worker = name == "worker_stopped"
        processes = self._processes
        self._stopped[name].stop(processes.worker() if worker else processes.serving("postgres"))

    def _restart_app(self, fault: Fault) -> None:
        why = _why(fault, "app was asked to end, and ended well")
        self._processes.await_end("app", APP_DRAINS_S + _GRACE_S, why, well=True)
        self._service.restart_app()


def _nothing() -> None:
    """What is over at once needs no end."""


def _why(fault: Fault, what: str) -> str:
    return f"{what}, as the plan's fault {fault.name} wants."
