"""The embedded stage: PostgreSQL, Redis and the reference app as child processes, no root, no
Docker; set in seconds, and gone afterwards however the run ended."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from dress_rehearsal.compose.clearing import sweep
from dress_rehearsal.compose.embedded.faults import ProcessFaults
from dress_rehearsal.compose.embedded.service import Service
from dress_rehearsal.compose.embedded.stores import Stores
from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.faults.stage_faults import StageFaults
from dress_rehearsal.compose.guardian import Guardian, clear_guarded
from dress_rehearsal.compose.limits import raise_file_limit
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.compose.stage import Alert, Loss, entered, guardian_lost
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.plans import Fault, Person, Plan, write_roster
from dress_rehearsal.records import RunDirectory

_READY_S = 25.0


class EmbeddedStage:
    """A context manager: the stage is ready inside, and no process of it is left outside.

    Args:
        people: the roster.
        ready_within_s: how long everything together may take to be ready.
        allow_faults: let the app's faults be switched on although the plan has none.
    """

    def __init__(
        self,
        plan: Plan,
        run: RunDirectory,
        people: Sequence[Person],
        *,
        ready_within_s: float = _READY_S,
        allow_faults: bool = False,
    ) -> None:
        self.unclean_stops: list[Loss] = []
        """After the stage was cleared: what had to be killed or did not end with 0."""
        self._plan = plan
        self._run = run
        self._people = people
        self._ready_within_s = ready_within_s
        self._allow_faults = allow_faults
        self._folder: StageFolder | None = None
        self._guardian: Guardian | None = None
        self._processes: ProcessGroup | None = None
        self._stores: Stores | None = None
        self._service: Service | None = None
        self._faults: StageFaults | None = None

    def __enter__(self) -> Self:
        """Set the stage.

        Raises:
            StageError: it could not be set; what had been started is gone again.
        """
        self.set_stores()
        try:
            self.start_service()
        except BaseException:
            self._abandon()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        """Clear the stage."""
        self.clear()

    def clear(self) -> None:
        """Stop app, write-back, Redis and PostgreSQL in that order; then folder and guardian.

        Raises:
            StageError: something is left, which the sentence names.
        """
        try:
            entered(self._faults).calm()
            # Who ended after the last look has nobody else to tell of it.
            lost = entered(self._processes).lost()
            self.unclean_stops += [loss for loss in lost if not loss.planned]
            self.unclean_stops += entered(self._processes).stop_all()
            self.unclean_stops += guardian_lost(self.guardian)
            self._clear_folder()
        except BaseException:
            self._abandon()
            raise

    def set_stores(self) -> None:
        """Set the stage but for the service, whose URL is known from now on.

        Raises:
            StageError: it could not be set; what had been started is gone again.
        """
        raise_file_limit()
        sweep()
        folder = self._folder = StageFolder.create()
        processes = self._processes = ProcessGroup(folder, self._ready_within_s)
        try:
            self._guardian = Guardian.start(folder, self._run.logs / "guardian.log")
            with folder.living():
                write_roster(self.roster_path, self._people)
            stores = self._stores = Stores(
                folder, self._run.logs, self._plan.postgres.max_connections
            )
            stores.start(processes)
            service = self._service = Service(folder, processes, stores)
            service.configure(self._plan, self._run.logs, allow_faults=self._allow_faults)
            self._faults = StageFaults(ProcessFaults(processes, stores, service))
        except BaseException:
            self._abandon()
            raise

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
        with entered(self._folder).living():
            write_roster(self.roster_path, people)
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
    def admin_token(self) -> str:
        """What the app's admin routes want as bearer token."""
        return entered(self._service).app.admin_token

    @property
    def entry_token(self) -> str:
        """What the scanners at the entrance show as bearer token."""
        return entered(self._service).app.entry_token

    @property
    def dsn(self) -> str:
        """Connection string of PostgreSQL's superuser."""
        return entered(self._stores).postgres.dsn()

    @property
    def redis_url(self) -> str:
        """URL of Redis."""
        return entered(self._stores).redis.url

    @property
    def roster_path(self) -> Path:
        """The roster as CSV, readable by this user only; gone with the stage."""
        return entered(self._folder).path / "roster.csv"

    @property
    def targets_dir(self) -> Path:
        """Folder of Prometheus `file_sd` files, one for each app worker and the write-back."""
        return entered(self._service).targets_dir

    @property
    def guardian(self) -> Guardian:
        """Stops what it watches, and the stage, should the conductor die."""
        return entered(self._guardian)

    @property
    def marker(self) -> dict[str, str]:
        """Environment by which processes of this stage are found even when their parent is gone."""
        return entered(self._folder).marker

    def open_at(self, t0_ns: int) -> None:
        """Have the sale open at `t0_ns`; every worker honours it when this returns.

        Raises:
            TargetRefusedError: the app said no or does not answer.
        """
        entered(self._service).admin.open_at(t0_ns)

    def strike(self, fault: Fault) -> None:
        """Make something go wrong; it goes wrong when this returns.

        Raises:
            StageError: it cannot be done.
        """
        entered(self._faults).strike(fault)

    def relieve(self, fault: Fault) -> None:
        """End what `strike` began; whatever was down is up again when this returns.

        Raises:
            StageError: it cannot be done.
        """
        entered(self._faults).relieve(fault)

    def alerts(self) -> list[Alert]:
        """List what the app's neighbours were told since this was last asked."""
        return entered(self._service).admin.alerts()

    def components(self) -> list[tuple[str, int]]:
        """List the processes that run now as (component, pid).

        The app appears once for its main process and once for each worker; PostgreSQL by its
        postmaster only.
        """
        return entered(self._processes).members()

    def containers(self) -> list[tuple[str, int]]:
        """List the containers that were made here: none."""
        return []

    def lost(self) -> list[Loss]:
        """List what ended since this was last asked though nobody stopped it, or as planned.

        A worker of the app counts as `app`, even though the app replaces it.
        """
        return entered(self._processes).lost()

    def lost_at_last(self) -> list[Loss]:
        """List the same: a worker that is replaced is told of at once."""
        return self.lost()

    def _abandon(self) -> None:
        """Clear the stage quickly, owing nobody a clean end."""
        if self._faults is not None:
            self._faults.calm()
        if self._processes is not None:
            self._processes.abandon()
        self._clear_folder()

    def _clear_folder(self) -> None:
        folder, self._folder = self._folder, None
        if folder is None:
            return
        try:
            clear_guarded(folder, self._guardian)
        finally:
            if self._service is not None:
                self._service.close()
