"""The Docker stage: the services of `docker-compose.yml` as containers with limits, on a network
of their own; set for one run, and gone afterwards however it ended."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import docker

from dress_rehearsal.compose.app_admin import AppAdmin
from dress_rehearsal.compose.clearing import sweep
from dress_rehearsal.compose.docker.clearing import clear_stage
from dress_rehearsal.compose.docker.daemon import connect, described, socket_named
from dress_rehearsal.compose.docker.faults import ContainerFaults
from dress_rehearsal.compose.docker.services import READY_S, Services
from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.faults.stage_faults import StageFaults
from dress_rehearsal.compose.guardian import Guardian, clear_guarded
from dress_rehearsal.compose.limits import raise_file_limit
from dress_rehearsal.compose.stage import Alert, Loss, entered, guardian_lost
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.plans import Fault, Person, Plan, write_roster
from dress_rehearsal.records import RunDirectory

Tell = Callable[[str], None]


class DockerStage:
    """A context manager: the stage is ready inside, and nothing of it is left outside.

    Args:
        people: the roster.
        tell: shows what is being done now.
    """

    def __init__(self, plan: Plan, run: RunDirectory, people: Sequence[Person], tell: Tell) -> None:
        self.unclean_stops: list[Loss] = []
        """After the stage was cleared: what had to be killed or did not end with 0."""
        self._plan, self._run, self._people = plan, run, people
        self._tell = tell
        self._client: docker.DockerClient | None = None
        self._folder: StageFolder | None = None
        self._guardian: Guardian | None = None
        self._services: Services | None = None
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
        client = self._client = connect()
        described(client)
        sweep()
        folder = self._folder = StageFolder.create()
        try:
            self._guardian = Guardian.start(folder, self._run.logs / "guardian.log")
            with folder.living():
                write_roster(self.roster_path, self._people)
            folder.expect_containers(socket_named())
            self._services = Services(client, folder, self._plan, self._run.logs, self._tell)
            self._faults = StageFaults(ContainerFaults(self._services))
            self._services.start_stores(READY_S)
        except BaseException:
            self._abandon()
            raise

    def start_service(self) -> None:
        """Start what the plan wants of the app and its neighbours.

        Raises:
            StageError: it does not start; leave the stage.
        """
        entered(self._services).start_app()

    def clear(self) -> None:
        """Stop everything, last started first; then remove it, its folder and the guardian.

        Raises:
            StageError: something is left, which the sentence names.
        """
        try:
            services = entered(self._services)
            entered(self._faults).calm()
            # Who ended after the last look has nobody else to tell of it.
            self.unclean_stops += [loss for loss in services.lost() if not loss.planned]
            self.unclean_stops += services.stop()
            self.unclean_stops += guardian_lost(self.guardian)
            self._clear_all()
        except BaseException:
            self._abandon()
            raise

    @property
    def url(self) -> str:
        """Where the app answers, or will."""
        return entered(self._services).url

    @property
    def admin_token(self) -> str:
        """What the app's admin routes want as bearer token."""
        return entered(self._services).app.admin_token

    @property
    def entry_token(self) -> str:
        """What the scanners at the entrance show as bearer token."""
        return entered(self._services).app.entry_token

    @property
    def dsn(self) -> str:
        """Connection string of PostgreSQL's superuser."""
        return entered(self._services).dsn

    @property
    def redis_url(self) -> str:
        """URL of Redis."""
        return entered(self._services).redis_url

    @property
    def roster_path(self) -> Path:
        """The roster as CSV, readable by this user only; gone with the stage."""
        return entered(self._folder).path / "roster.csv"

    @property
    def targets_dir(self) -> Path:
        """Folder of Prometheus `file_sd` files, one for each app worker and the write-back."""
        return entered(self._services).targets_dir

    @property
    def guardian(self) -> Guardian:
        """Stops what it watches, and the stage, should the conductor die."""
        return entered(self._guardian)

    @property
    def marker(self) -> dict[str, str]:
        """Environment by which processes of this stage are found even when their parent is gone."""
        return entered(self._folder).marker

    @property
    def admin(self) -> AppAdmin:
        """What the conductor has of the running app."""
        return entered(self._services).admin

    def open_at(self, t0_ns: int) -> None:
        """Have the sale open at `t0_ns`; every worker honours it when this returns.

        Raises:
            TargetRefusedError: the app said no or does not answer.
        """
        self.admin.open_at(t0_ns)

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
        return self.admin.alerts()

    def components(self) -> list[tuple[str, int]]:
        """List the processes that run now as (component, pid of this machine)."""
        return entered(self._services).containers.members()

    def containers(self) -> list[tuple[str, int]]:
        """List the containers that run now as (container, pid of its first process)."""
        return entered(self._services).containers.names()

    def lost(self) -> list[Loss]:
        """List what ended since this was last asked though nobody stopped it, or as planned."""
        return entered(self._services).lost()

    def lost_at_last(self) -> list[Loss]:
        """List the same: a worker that is replaced is told of at once."""
        return self.lost()

    def _abandon(self) -> None:
        """Clear the stage quickly, owing nobody a clean end."""
        if self._faults is not None:
            self._faults.calm()
        if self._services is not None:
            self._services.close()
        self._clear_all()

    def _clear_all(self) -> None:
        folder, self._folder = self._folder, None
        if folder is None:
            return
        try:
            clear_stage(folder.path.name, self._client)
        except StageUnusableError:
            # The folder stays, with its record: the next run that can clears it.
            if self._guardian is not None:
                self._guardian.release()
            os.close(folder.lock)
            raise
        clear_guarded(folder, self._guardian)
