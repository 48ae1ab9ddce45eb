"""What can be done from outside to services that are processes of this machine."""

from typing import Final

from dress_rehearsal.compose.app_admin import AppAdmin
from dress_rehearsal.compose.embedded.service import Service
from dress_rehearsal.compose.embedded.stores import Stores
from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.faults.patience import DIES_WITHIN_S, GRACE_S
from dress_rehearsal.compose.faults.stopped import Stopped
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.plans import Fault

_STORES: Final = ("postgres", "redis")


class ProcessFaults:
    """The services of the embedded stage, as far as something can be done to them."""

    def __init__(self, processes: ProcessGroup, stores: Stores, service: Service) -> None:
        self.processes = processes
        self._stores = stores
        self._service = service
        self._paused: dict[str, Stopped] = {}
        self._within_s: dict[str, float] = {}

    @property
    def admin(self) -> AppAdmin:
        """What the conductor has of the running app."""
        return self._service.admin

    def wipe_redis(self) -> None:
        """Have Redis forget everything but which faults are on.

        Raises:
            StageUnusableError: it does not answer, or refuses.
        """
        self._stores.redis.wipe()

    def pause(self, service: str) -> None:
        """Stop its processes by SIGSTOP.

        Raises:
            StageUnusableError: it does not run.
        """
        stopped = self._paused.setdefault(service, Stopped())
        stopped.stop(self.processes.serving(service))

    def go_on(self, service: str) -> None:
        """Have its processes go on."""
        if service in self._paused:
            self._paused[service].go_on()

    def kill(self, service: str, why: str) -> None:
        """Kill it; its end is a planned loss.

        Raises:
            StageUnusableError: it does not run.
        """
        if service in _STORES:
            self._stores.take_down(service, self.processes, why)
        else:
            self.processes.kill_planned(service)
            self.processes.await_end(service, DIES_WITHIN_S, why)

    def ask_to_end(self, service: str) -> None:
        """Ask it to end.

        Raises:
            StageUnusableError: it does not run.
        """
        self._within_s[service] = self.processes.ask_to_end(service)

    def await_end(self, service: str, why: str) -> None:
        """Wait until it has ended; that is a planned loss if it ended well.

        Raises:
            StageUnusableError: nobody asked it to.
        """
        within_s = self._within_s.get(service, 0.0) + GRACE_S
        self.processes.await_end(service, within_s, why, well=True)

    def bring_back(self, service: str) -> None:
        """Start it again, with what it had, and wait until it works.

        Raises:
            StageError: it does not come back.
        """
        if service in _STORES:
            self._stores.bring_back(service, self.processes)
        else:
            self._service.bring_back(service)

    def constrain(self, fault: Fault) -> None:
        """Refuse: processes have no network and no limits of their own.

        Raises:
            StageUnusableError: always.
        """
        raise StageUnusableError(f"{fault.title} can be done on the Docker stage only.")

    def restore(self, fault: Fault) -> None:
        """Nothing was taken."""

    def calm(self) -> None:
        """Have everything go on that is paused."""
        for stopped in self._paused.values():
            stopped.go_on()
