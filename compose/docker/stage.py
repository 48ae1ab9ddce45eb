"""The Docker stage: the services of `docker-compose.yml` as containers with limits, on a network
of their own; set for one run, and gone afterwards however it ended."""

import os
from collections.abc import Sequence
from pathlib import Path

import docker

from dress_rehearsal.compose.docker.clearing import clear_stage
from dress_rehearsal.compose.docker.daemon import (
    connect,
    data_root,
    described,
    facts,
    socket_named,
)
from dress_rehearsal.compose.docker.faults import ContainerFaults
from dress_rehearsal.compose.docker.images import Tell
from dress_rehearsal.compose.docker.services import Services
from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.guardian import clear_guarded
from dress_rehearsal.compose.own_stage import AppService, OwnStage
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.compose.stage import Loss, entered
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.plans import Person, Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.environment import FILE as ENVIRONMENT
from dress_rehearsal.records.machine import with_docker


class DockerStage(OwnStage):
    """A context manager: the stage is ready inside, and nothing of it is left outside.

    Args:
        people: the roster.
        tell: shows what is being done now.
    """

    def __init__(self, plan: Plan, run: RunDirectory, people: Sequence[Person], tell: Tell) -> None:
        super().__init__(plan, run, people)
        self._tell = tell
        self._client: docker.DockerClient | None = None
        self._services: Services | None = None
        self._data_root: Path | None = None

    def set_stores(self) -> None:
        """Set the stage but for the service, whose URL is known from now on.

        Raises:
            StageError: it could not be set; what had been started is gone again.
        """
        self._client = connect()
        described(self._client)
        super().set_stores()

    def start_service(self) -> None:
        """Start what the plan wants of the app and its neighbours.

        Raises:
            StageError: it does not start; leave the stage.
        """
        entered(self._services).start_app()

    @property
    def url(self) -> str:
        """Where the app answers, or will."""
        return entered(self._services).url

    @property
    def dsn(self) -> str:
        """Connection string of PostgreSQL's superuser."""
        return entered(self._services).dsn

    @property
    def redis_url(self) -> str:
        """URL of Redis."""
        return entered(self._services).redis_url

    @property
    def data_root(self) -> Path | None:
        """The folder of Docker's daemon, in which images, containers and volumes are."""
        return self._data_root

    def containers(self) -> list[tuple[str, int]]:
        """List the containers that run now as (container, pid of its first process)."""
        return entered(self._services).containers.names()

    def lost(self) -> list[Loss]:
        """List what ended since this was last asked though nobody stopped it, or as planned.

        The daemon counts too: whoever is lost with it could not be told of any more.
        """
        return entered(self._services).lost()

    def _start_stores(self, folder: StageFolder) -> ContainerFaults:
        client = entered(self._client)
        folder.expect_containers(socket_named())
        services = self._services = Services(client, folder, self._plan, self._run.logs, self._tell)
        self._data_root = data_root(client)
        document = with_docker(self._run.environment(), facts(client), services.images)
        self._run.write_json(ENVIRONMENT, document)
        services.start_stores()
        return ContainerFaults(services)

    @property
    def _group(self) -> ProcessGroup:
        return entered(self._services).containers

    @property
    def _app_service(self) -> AppService:
        return entered(self._services)

    def _stop(self) -> list[Loss]:
        return entered(self._services).stop()

    def _let_go(self) -> None:
        if self._services is not None:
            self._services.close()

    def _remove(self, folder: StageFolder) -> None:
        try:
            clear_stage(folder.path.name, self._client)
        except StageUnusableError:
            # The folder stays, with its record: the next run that can clears it.
            if self._guardian is not None:
                self._guardian.release()
            os.close(folder.lock)
            raise
        clear_guarded(folder, self._guardian)
