"""The embedded stage: PostgreSQL, Redis and the reference app as child processes, no root, no
Docker; set in seconds, and gone afterwards however the run ended."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dress_rehearsal.compose.deadline import KEPT_FROM_RUNNING
from dress_rehearsal.compose.embedded.faults import ProcessFaults
from dress_rehearsal.compose.embedded.service import Service
from dress_rehearsal.compose.embedded.stores import Stores
from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.guardian import clear_guarded
from dress_rehearsal.compose.own_stage import AppService, OwnStage
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.compose.stage import entered
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.plans import Person, Plan
from dress_rehearsal.records import RunDirectory

_READY_S: Final = 25.0
_READY_A_STUDENT_S: Final = 4e-4
"""100,000 of them are 40 s more: each is written to both stores."""
_READY_A_WORKER_S: Final = 3.0
"""What each worker of the app beyond two takes more, where all of them share one processor."""


class EmbeddedStage(OwnStage):
    """A context manager: the stage is ready inside, and no process of it is left outside.

    Args:
        people: the roster.
        ready_within_s: how long everything together may take to be ready; by the number of
            students where left out.
        allow_faults: let the app's faults be switched on although the plan has none.
        python: the interpreter that runs the app, of another checkout's environment; none: this
            one.
    """

    def __init__(
        self,
        plan: Plan,
        run: RunDirectory,
        people: Sequence[Person],
        *,
        ready_within_s: float | None = None,
        allow_faults: bool = False,
        python: Path | None = None,
    ) -> None:
        super().__init__(plan, run, people)
        self._ready_within_s = _ready_within_s(plan) if ready_within_s is None else ready_within_s
        self._allow_faults = allow_faults
        self._python = python
        self._processes: ProcessGroup | None = None
        self._stores: Stores | None = None
        self._service: Service | None = None

    def empty(self, plan: Plan, run: RunDirectory, people: Sequence[Person]) -> None:
        """Make room for another plan: PostgreSQL and Redis stay, empty; everything else is gone.

        The URL and the roster are the new plan's when this returns; `start_service` does the rest.

        Raises:
            StageError: it cannot be done; leave the stage.
        """
        if plan.postgres != self._plan.postgres:
            raise StageUnusableError(
                "The stage cannot be used again: the plan wants its PostgreSQL otherwise "
                "(see its section postgres); set a new stage for it."
            )
        self._plan, self._run, self._people = plan, run, people
        entered(self._faults).calm()
        processes, service = entered(self._processes), entered(self._service)
        processes.restart_deadline()
        service.clear_for(plan)
        entered(self._stores).empty(processes, run.logs)
        processes.lost()  # whatever was lost, the last plan's run had its chance to hear of it
        self._write_roster()
        service.configure(plan, run.logs, allow_faults=self._allow_faults)

    def start_service(self) -> None:
        """Start what the plan wants of the app and its neighbours.

        Raises:
            StageError: it does not start; leave the stage.
        """
        entered(self._service).start()

    @property
    def url(self) -> str:
        """Where the app answers, or will."""
        return entered(self._service).admin.target.url

    @property
    def dsn(self) -> str:
        """Connection string of PostgreSQL's superuser."""
        return entered(self._stores).postgres.dsn()

    @property
    def redis_url(self) -> str:
        """URL of Redis."""
        return entered(self._stores).redis.url

    def _start_stores(self, folder: StageFolder) -> ProcessFaults:
        processes = self._processes = ProcessGroup(folder, self._ready_within_s)
        stores = self._stores = Stores(folder, self._run.logs, self._plan.postgres.max_connections)
        stores.start(processes)
        service = self._service = Service(folder, processes, stores, self._python)
        service.configure(self._plan, self._run.logs, allow_faults=self._allow_faults)
        return ProcessFaults(processes, stores, service)

    @property
    def _group(self) -> ProcessGroup:
        return entered(self._processes)

    @property
    def _app_service(self) -> AppService:
        return entered(self._service)

    def _let_go(self) -> None:
        if self._processes is not None:
            self._processes.abandon()

    def _remove(self, folder: StageFolder) -> None:
        try:
            clear_guarded(folder, self._guardian)
        finally:
            if self._service is not None:
                self._service.close()


def longest_setting_s(plan: Plan) -> float:
    """Return how long a plan's stage is waited for at most (s): where it gets no processor."""
    return (1 + KEPT_FROM_RUNNING) * _ready_within_s(plan)


def _ready_within_s(plan: Plan) -> float:
    by_students_s = _READY_A_STUDENT_S * plan.event.students
    return _READY_S + by_students_s + _READY_A_WORKER_S * max(plan.app.workers - 2, 0)
