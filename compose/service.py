"""The service on a stage: every process of the reference app, and the neighbours it talks to."""

import signal
from pathlib import Path
from typing import Final

from dress_rehearsal.compose.app_admin import AppAdmin, all_serve, announced
from dress_rehearsal.compose.errors import ProcessFailedError
from dress_rehearsal.compose.port import ClaimedPort, port_taken
from dress_rehearsal.compose.process import Managed, ProcessSpec, python_module
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.compose.reference_app import ReferenceApp
from dress_rehearsal.compose.servers.sqs import answers, sqs_spec
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.compose.stores import Stores
from dress_rehearsal.compose.target import Target
from dress_rehearsal.plans import Plan

_APP: Final = "dress_rehearsal.target_app"
APP_DRAINS_S: Final = 10.0
_WRITEBACK_FLUSHES_S: Final = 10.0
_ENDS_S: Final = 2.0
_READY_AGAIN_S: Final = 15.0
_PORT_TRIES: Final = 3


class Service:
    """The app, its write-back worker, its neighbours and its queue service, as a plan wants them.

    Ports are claimed once and kept from plan to plan.
    """

    def __init__(self, folder: StageFolder, processes: ProcessGroup, stores: Stores) -> None:
        self.targets_dir = folder.subfolder("targets")
        self._folder = folder
        self._processes = processes
        self._stores = stores
        self._ports: dict[str, ClaimedPort] = {}

    def configure(self, plan: Plan, logs: Path, *, allow_faults: bool) -> None:
        """Take a plan's settings; nothing starts yet.

        Raises:
            StageUnusableError: no port is free.
        """
        self._plan, self._logs = plan, logs
        neighbours = plan.app.enrolment == "external"
        sqs = plan.app.strategy.through_sqs
        self.app = ReferenceApp(
            plan,
            dsn=self._stores.postgres.dsn(),
            redis_url=self._stores.redis.url,
            roster=self._folder.path / "roster.csv",
            targets_dir=self.targets_dir,
            neighbours_url=self._url("neighbours") if neighbours else None,
            sqs_endpoint=self._url("sqs") if sqs else None,
            allow_faults=allow_faults,
        )
        self._neighbours = Target(self._url("neighbours")) if neighbours else None
        self.admin = self._admin()
        self._sqs = self._url("sqs") if sqs else None

    def start(self) -> None:
        """Start everything the plan wants; ready to sell when this returns.

        Raises:
            StageError: something did not start.
        """
        processes = self._processes
        neighbours = self._start_neighbours()
        self._start_sqs()
        processes.run(self._spec("prepare", f"{_APP}.prepare", _ENDS_S))
        writeback = None
        if self.app.has_writeback:
            # Before the app, so that it is stopped after it, whoever clears the stage.
            writeback = processes.start(
                self._spec("writeback", f"{_APP}.writeback", _WRITEBACK_FLUSHES_S)
            )
        self._start_server()
        if writeback is not None:
            processes.wait(writeback, lambda: announced(self.targets_dir, "writeback") >= 1)
        if neighbours is not None:
            processes.wait(neighbours, self.admin.neighbours_answer)
        processes.lost()  # takes note of the app's workers

    def clear_for(self, plan: Plan) -> None:
        """Kill everything but what another plan goes on with, and its metrics ports."""
        leaving = ["app", "writeback", "neighbours"]
        if not plan.app.strategy.through_sqs:
            leaving.append("sqs")
        for name in leaving:
            self._processes.discard(name)
        for target in self.targets_dir.glob("*.json"):
            target.unlink(missing_ok=True)

    def restart_app(self) -> None:
        """Start the app on the same port after it has ended.

        Raises:
            StageError: it does not come back.
        """
        for target in self.targets_dir.glob("app-*.json"):
            target.unlink(missing_ok=True)
        self._await_app(self._processes.restart("app"), _READY_AGAIN_S)

    def close(self) -> None:
        """Let others have its ports."""
        for port in self._ports.values():
            port.close()

    def _admin(self) -> AppAdmin:
        return AppAdmin(self.app, self._plan.event.id, Target(self._url("app")), self._neighbours)

    def _start_neighbours(self) -> Managed | None:
        if self._neighbours is None:
            return None
        port = self._ports["neighbours"].number
        return self._processes.start(self._spec("neighbours", f"{_APP}.neighbours", _ENDS_S, port))

    def _start_sqs(self) -> None:
        endpoint = self._sqs
        if endpoint is None or any(name == "sqs" for name, _ in self._processes.members()):
            return
        spec = sqs_spec(self._ports["sqs"].number, self._logs, self._folder)
        self._processes.wait(self._processes.start(spec), lambda: answers(endpoint))

    def _start_server(self) -> None:
        """Start the app on its port; on another one when somebody was quicker to take it."""
        for tries_left in reversed(range(_PORT_TRIES)):
            port = self._ports["app"]
            server = self._processes.start(self._spec("app", _APP, APP_DRAINS_S, port.number))
            try:
                self._await_app(server)
                self._processes.wait(server, lambda: all_serve(self.targets_dir))
            except ProcessFailedError as error:
                if error.name != "app" or not tries_left or not port_taken(port.number):
                    raise
                port.close()
                del self._ports["app"]
                self.admin = self._admin()
                self._processes.dismiss(server)
            else:
                break

    def _await_app(self, server: Managed, within_s: float | None = None) -> None:
        workers = self.app.workers
        self._processes.wait(
            server, lambda: announced(self.targets_dir, "app") >= workers, within_s
        )
        self._processes.wait(server, self.admin.target.ready, within_s)

    def _spec(self, name: str, module: str, patience_s: float, port: int = 1) -> ProcessSpec:
        """Describe one of the app's processes; SIGTERM has it finish what it is doing.

        Args:
            port: what a server listens on; the others do not look at it.
        """
        return ProcessSpec(
            name=name,
            argv=python_module(module),
            environment=self.app.environment(port) | self._folder.marker,
            log=self._logs / f"{name}.jsonl",
            folder=self._folder.path,
            stop_signals=((signal.SIGTERM, patience_s),),
        )

    def _url(self, name: str) -> str:
        if name not in self._ports:
            self._ports[name] = ClaimedPort.choose()
        return f"http://127.0.0.1:{self._ports[name].number}"
