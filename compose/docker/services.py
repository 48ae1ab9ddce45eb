"""The services of a Docker stage, as a plan wants them: which containers, where, in which order."""

import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import docker

from dress_rehearsal.compose.app_admin import AppAdmin, all_serve, announced
from dress_rehearsal.compose.docker.announcements import Announcements
from dress_rehearsal.compose.docker.compose_file import read_compose_file
from dress_rehearsal.compose.docker.containers import (
    OF_OUR_IMAGE,
    ContainerGroup,
    ContainerSpec,
    ManagedContainer,
)
from dress_rehearsal.compose.docker.daemon import doing
from dress_rehearsal.compose.docker.health import Health
from dress_rehearsal.compose.docker.images import Tell, provide
from dress_rehearsal.compose.docker.network import StageNetwork, make_volumes
from dress_rehearsal.compose.docker.place import Place, copied_files
from dress_rehearsal.compose.docker.planned_services import (
    STORES,
    PlannedServices,
    check_limits,
    container_name,
)
from dress_rehearsal.compose.docker.relays import relays_for, slow_down
from dress_rehearsal.compose.docker.service_spec import ServiceSpec
from dress_rehearsal.compose.docker.weight import lower, parent_group
from dress_rehearsal.compose.errors import DaemonLostError
from dress_rehearsal.compose.faults.patience import BACK_WITHIN_S
from dress_rehearsal.compose.faults.stage_faults import Done
from dress_rehearsal.compose.reference_app import ReferenceApp
from dress_rehearsal.compose.secret_files import secret_files, write_secret_files
from dress_rehearsal.compose.stage import Loss
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.compose.target import Target
from dress_rehearsal.plans import Fault, Plan
from dress_rehearsal.records.environment_variables import images_named

_APP_PORT: Final = 8080
_NEIGHBOURS_PORT: Final = 8081
_QUEUES: Final = {"kafka": "kafka:9092", "sqs": "http://sqs:5000"}
"""Where the queue of a strategy answers inside, by its kind, which is its service's name."""
_TARGETS: Final = "targets"
"""The volume in which the containers announce their metrics: here a folder of the stage's."""
_LOOK_S: Final = 1.0
"""How often the daemon is asked whether it is still there."""


class Services:
    """Everything that a plan's stage is made of, from its secrets to its containers."""

    def __init__(
        self, client: docker.DockerClient, folder: StageFolder, plan: Plan, logs: Path, tell: Tell
    ) -> None:
        """Have the images, the network and the volumes; nothing runs yet.

        Raises:
            StageUnusableError: one of them cannot be had.
        """
        check_limits(plan)
        self._client, self._folder, self._plan, self._logs = client, folder, plan, logs
        self._tell = tell
        self._planned = PlannedServices(plan)
        self._stage = folder.path.name
        self.targets_dir = folder.subfolder("targets")
        self._announced = folder.subfolder("announced")
        self._announced.chmod(0o777)  # below a folder that nobody else may enter
        self._group = parent_group(client, self._stage)
        self._network = StageNetwork(client, self._stage)
        self._addresses = {name: self._network.address() for name in self._planned.names()}
        self._relays = relays_for(plan.faults, self._planned.serving(), self._network.address)
        files = secret_files((folder.path / "roster.csv").read_text(encoding="utf-8"))
        self.app = self._reference_app(files)
        # Inside they are found by their names, by us at their addresses.
        self.dsn = files["app_database_dsn"].replace("@postgres:", f"@{self._at('postgres')}:")
        self.redis_url = files["app_redis_url"].replace("@redis:", f"@{self._at('redis')}:")
        front = self._relays.get("nginx")
        self.url = f"http://{front.address if front else self._at('nginx')}:{_APP_PORT}"
        self.admin = self._admin()
        files |= {name.lower(): value for name, value in self.app.secrets.items()}
        secrets = folder.subfolder("secrets")
        with folder.living():
            write_secret_files(secrets, files)
        self._file = read_compose_file(self._variables(secrets))
        self.images = provide(client, self._planned.of(self._file), tell, self._stage)
        """The IDs of what the containers are made of, by the names that the file has."""
        self._file = self._file.of_images(self.images)
        self._wanted = self._planned.of(self._file)
        named = {one.source for each in self._wanted for one in each.mounts if one.named}
        self._volumes = make_volumes(client, self._stage, named - {_TARGETS})
        self._files = copied_files(self._wanted, folder)
        self.containers = ContainerGroup(folder, plan.stage.ready_within_s)
        self._announcements = Announcements(
            self._announced, self.targets_dir, lambda: self.containers.names()
        )
        self._asked_s = 0.0
        self._daemon_lost = False

    def start_stores(self) -> None:
        """Start what keeps the tickets.

        Raises:
            StageError: one does not start.
        """
        self.containers.restart_deadline()
        stores = [service for service in self._wanted if service.name in STORES]
        started = [one for service in stores for one in self._start(service)]
        if self._group is not None:
            lower(self._stage)
        self._await_green(started)

    def start_app(self) -> None:
        """Prepare the stores, and start all the rest; ready to sell when this returns.

        Raises:
            StageError: something does not start.
        """
        self.containers.restart_deadline()
        self._announcements.follow()
        for service in self._wanted:
            if service.name in STORES:
                continue
            self._tell(f"starting {service.name}")
            if service.name == "prepare":
                self.containers.run(self._spec(service, service.name))
                continue
            numbers = self._planned.numbers(service.name)
            self._await_green([one for each in numbers for one in self._start(service, each)])
        self._await_announced()
        self.containers.lost()  # takes note of the app's workers

    def bring_back(self, service: str) -> None:
        """Start a container again that has ended, with what it had, and wait until it works.

        Raises:
            StageError: it does not come back.
        """
        gone = next((one for one in self.containers.containers() if one.label == service), None)
        if gone is None or gone.exit_code is not None:  # one that lives announces itself only once
            for path in self._announced.glob(f"*-{service}-*.json"):
                path.unlink(missing_ok=True)
        container = self.containers.restart(service)
        assert isinstance(container, ManagedContainer)
        self.containers.wait(container, Health(container).is_green, BACK_WITHIN_S)

    def cut(self, container: ManagedContainer) -> tuple[Done, Done]:
        """Return what takes a container off the network, and what brings it back to where it was.

        Both raise a StageUnusableError where the daemon says no.
        """
        spec = container.spec

        def do() -> None:
            with doing(f"{spec.container} cannot be cut from the network"):
                self._client.networks.get(self._network.name).disconnect(container.container)

        def undo() -> None:
            with doing(f"{spec.container} cannot be brought back into the network"):
                container.container.reload()
                if self._network.name in container.container.attrs["NetworkSettings"]["Networks"]:
                    return  # it was never cut off
                self._client.networks.get(self._network.name).connect(
                    container.container,
                    aliases=list(spec.aliases),
                    ipv4_address=spec.place.address,
                )

        return do, undo

    def slow_down(self, fault: Fault) -> tuple[Done, Done]:
        """Return what delays or loses what goes to and from a service, and what ends that.

        Both raise a StageUnusableError where it cannot be done.
        """
        return slow_down(fault, self._relays.values())

    def lost(self) -> list[Loss]:
        """List what ended since this was last asked though nobody stopped it, or as planned."""
        found = self.containers.lost()
        if not self._daemon_lost and time.monotonic() >= self._asked_s + _LOOK_S:
            self._asked_s = time.monotonic()
            try:
                self._ping()
            except DaemonLostError as error:
                self._daemon_lost = True
                found.append(Loss("docker", 0, None, str(error)))
        return found

    def stop(self) -> list[Loss]:
        """Stop all with patience, last one first; return those that ended badly.

        Raises:
            StageUnusableError: the daemon does not answer.
        """
        try:
            return self.containers.stop_all()
        finally:
            self.close()

    def close(self) -> None:
        """Follow nothing any more."""
        self._announcements.close()

    def _ping(self) -> None:
        with doing("the containers cannot be looked after any more"):
            self._client.ping()

    def _at(self, container: str) -> str:
        return self._addresses[container]

    def _reference_app(self, files: Mapping[str, str]) -> ReferenceApp:
        plan = self._plan
        neighbours = plan.app.enrolment == "external"
        return ReferenceApp(
            plan,
            dsn=files["app_database_dsn"],
            redis_url=files["app_redis_url"],
            roster=Path("/run/secrets/roster.csv"),
            targets_dir=Path("/targets"),
            neighbours_url=f"http://neighbours:{_NEIGHBOURS_PORT}" if neighbours else None,
            queue_at=_QUEUES.get(plan.app.strategy.queue or ""),
            allow_faults=False,
        )

    def _admin(self) -> AppAdmin:
        # Not by a relay: what is told to the app is told at once.
        at = Target(f"http://{self._at('nginx')}:{_APP_PORT}")
        neighbours = None
        if self._plan.app.enrolment == "external":
            neighbours = Target(f"http://{self._at('neighbours')}:{_NEIGHBOURS_PORT}")
        return AppAdmin(self.app, self._plan.event.id, at, neighbours)

    def _variables(self, secrets: Path) -> Mapping[str, str]:
        share = self._plan.app.workers // len(self._planned.numbers("app"))
        return {
            **images_named(),
            **self.app.settings,
            "APP_WORKERS": str(share),
            "REHEARSE_SECRETS": str(secrets),
            "REHEARSE_POSTGRES_CONNECTIONS": str(self._plan.postgres.max_connections),
        }

    def _start(self, service: ServiceSpec, number: int = 0) -> list[ManagedContainer]:
        """Start a container, and the relay before it where it has one."""
        name = container_name(service.name, number)
        wanted = [self._spec(service, name)]
        relay = self._relays.get(name)
        if relay is not None:
            wanted = relay.before(wanted[0], self._file.services["app"])
        started = [self.containers.start(spec) for spec in wanted]
        return [one for one in started if isinstance(one, ManagedContainer)]

    def _spec(self, service: ServiceSpec, name: str) -> ContainerSpec:
        kind = "jsonl" if service.name in OF_OUR_IMAGE else "log"
        return ContainerSpec(
            service=service,
            container=name,
            place=Place(
                self._client,
                self._stage,
                self._network.name,
                self._at(name),
                {**self._volumes, **self._files, _TARGETS: str(self._announced)},
                frozenset({_TARGETS}),
                self._file.secrets,
                self._group,
            ),
            log=self._logs / f"{name}.{kind}",
            aliases=(service.name, name) if name != service.name else (name,),
            environment=service.environment,
            limits=self._plan.stage.limits.get(service.name),
            hidden=tuple(self.app.secrets.values()),
        )

    def _await_green(self, started: Iterable[ManagedContainer]) -> None:
        for container in started:
            health = Health(container)
            self._tell(f"waiting for {container.spec.container}")
            self.containers.wait(container, health.is_green)

    def _await_announced(self) -> None:
        """Wait until every worker serves and the write-back works."""
        of = {container.name: container for container in self.containers.containers()}
        app, writeback = of["app"], of.get("writeback", of["app"])
        workers, writebacks = self._plan.app.workers, self.app.writebacks
        self._tell("waiting for the app's workers")
        self.containers.wait(app, lambda: announced(self.targets_dir, "app") >= workers)
        self.containers.wait(
            writeback, lambda: announced(self.targets_dir, "writeback") >= writebacks
        )
        self.containers.wait(of.get("neighbours", app), self.admin.neighbours_answer)
        self.containers.wait(app, self.admin.target.ready)
        self.containers.wait(app, partial(all_serve, self.targets_dir))
