"""A stage of our own: the reference app, set in processes or in containers, and cleared again."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

from dress_rehearsal.compose.app_admin import AppAdmin
from dress_rehearsal.compose.clearing import sweep
from dress_rehearsal.compose.faults.stage_faults import StageFaults, StruckServices
from dress_rehearsal.compose.guardian import Guardian
from dress_rehearsal.compose.limits import raise_file_limit
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.compose.reference_app import ReferenceApp
from dress_rehearsal.compose.stage import Alert, Loss, entered, guardian_lost
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.plans import Fault, Person, Plan, write_roster
from dress_rehearsal.records import RunDirectory


class AppService(Protocol):
    """The reference app on a stage."""

    app: ReferenceApp
    """What it is told."""
    admin: AppAdmin
    """What the conductor has of it while it runs."""
    targets_dir: Path
    """Folder of Prometheus `file_sd` files, one for each app worker and the write-back."""


class OwnStage(ABC):
    """A context manager: the stage is ready inside, and nothing of it is left outside.

    How the services run is a subclass's own: it starts, stops and removes them.

    Args:
        people: the roster.
    """

    def __init__(self, plan: Plan, run: RunDirectory, people: Sequence[Person]) -> None:
        self.unclean_stops: list[Loss] = []
        """After the stage was cleared: what had to be killed or did not end with 0."""
        self._plan = plan
        self._run = run
        self._people = people
        self._folder: StageFolder | None = None
        self._guardian: Guardian | None = None
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

    def set_stores(self) -> None:
        """Set the stage but for the service, whose URL is known from now on.

        Raises:
            StageError: it could not be set; what had been started is gone again.
        """
        raise_file_limit()
        sweep()
        folder = self._folder = StageFolder.create()
        try:
            self._guardian = Guardian.start(folder, self._run.logs / "guardian.log")
            self._write_roster()
            self._faults = StageFaults(self._start_stores(folder))
        except BaseException:
            self._abandon()
            raise

    def clear(self) -> None:
        """Stop the services, last started first; then remove what is left, folder and guardian.

        Raises:
            StageError: something is left, which the sentence names.
        """
        try:
            entered(self._faults).calm()
            # Who ended after the last look has nobody else to tell of it.
            self.unclean_stops += [loss for loss in self.lost() if not loss.planned]
            self.unclean_stops += self._stop()
            self.unclean_stops += guardian_lost(self.guardian)
            self._clear_rest()
        except BaseException:
            self._abandon()
            raise

    @abstractmethod
    def start_service(self) -> None:
        """Start what the plan wants of the app and its neighbours.

        Raises:
            StageError: it does not start; leave the stage.
        """

    @property
    @abstractmethod
    def url(self) -> str:
        """Where the app answers, or will."""

    @property
    @abstractmethod
    def dsn(self) -> str:
        """Connection string of PostgreSQL's superuser."""

    @property
    @abstractmethod
    def redis_url(self) -> str:
        """URL of Redis."""

    @property
    def admin_token(self) -> str:
        """What the app's admin routes want as bearer token."""
        return self._app_service.app.admin_token

    @property
    def entry_token(self) -> str:
        """What the scanners at the entrance show as bearer token."""
        return self._app_service.app.entry_token

    @property
    def roster_path(self) -> Path:
        """The roster as CSV, readable by this user only; gone with the stage."""
        return entered(self._folder).path / "roster.csv"

    @property
    def data_root(self) -> Path | None:
        """None: whatever is kept here is kept in its own folder."""
        return None

    @property
    def targets_dir(self) -> Path:
        """Folder of Prometheus `file_sd` files, one for each app worker and the write-back."""
        return self._app_service.targets_dir

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
        self._app_service.admin.open_at(t0_ns)

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
        return self._app_service.admin.alerts()

    def components(self) -> list[tuple[str, int]]:
        """List the processes that run now as (component, pid of this machine).

        The app appears once for its main process and once for each worker; PostgreSQL by its
        postmaster only.
        """
        return self._group.members()

    def containers(self) -> list[tuple[str, int]]:
        """List the containers that run now as (container, pid of its first process)."""
        return []

    def lost(self) -> list[Loss]:
        """List what ended since this was last asked though nobody stopped it, or as planned.

        A worker of the app counts as `app`, even though the app replaces it.
        """
        return self._group.lost()

    def lost_at_last(self) -> list[Loss]:
        """List the same: a worker that is replaced is told of at once."""
        return self.lost()

    @abstractmethod
    def _start_stores(self, folder: StageFolder) -> StruckServices:
        """Start what keeps the tickets; return what can be done to all services from outside."""

    @property
    @abstractmethod
    def _group(self) -> ProcessGroup:
        """What runs."""

    @property
    @abstractmethod
    def _app_service(self) -> AppService:
        """The app on this stage."""

    def _write_roster(self) -> None:
        with entered(self._folder).living():
            write_roster(self.roster_path, self._people)

    def _stop(self) -> list[Loss]:
        """Stop all with patience, last one first; return those that stood still or ended badly."""
        return self._group.stop_all()

    def _abandon(self) -> None:
        """Clear the stage quickly, owing nobody a clean end."""
        if self._faults is not None:
            self._faults.calm()
        self._let_go()
        self._clear_rest()

    @abstractmethod
    def _let_go(self) -> None:
        """Have no more to do with the services, where there are any."""

    def _clear_rest(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            self._remove(folder)

    @abstractmethod
    def _remove(self, folder: StageFolder) -> None:
        """Remove what is left of the stage, its folder and its guardian.

        Raises:
            StageUnusableError: something is left.
        """
