"""The service on a stage: every process of the reference app, and the neighbours it talks to."""

import signal
from dataclasses import replace
from pathlib import Path
from typing import Final

from dress_rehearsal.compose.app_admin import AppAdmin, all_serve, announced
from dress_rehearsal.compose.embedded.stores import Stores
from dress_rehearsal.compose.errors import ProcessFailedError
from dress_rehearsal.compose.faults.patience import BACK_WITHIN_S
from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.port import ClaimedPort, port_taken
from dress_rehearsal.compose.process import Managed, ProcessSpec, python_module
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.compose.reference_app import ReferenceApp
from dress_rehearsal.compose.servers.kafka import KafkaServer
from dress_rehearsal.compose.servers.queues import QueueServer
from dress_rehearsal.compose.servers.sqs import SqsServer
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.compose.target import Target
from dress_rehearsal.plans import Plan

_APP: Final = "dress_rehearsal.target_app"
APP_DRAINS_S: Final = 10.0
_WRITEBACK_FLUSHES_S: Final = 10.0
_ENDS_S: Final = 2.0
_PORT_TRIES: Final = 3
_QUEUE_SERVERS: Final[dict[str, type[QueueServer]]] = {
    server.name: server for server in (SqsServer, KafkaServer)
}
"""By what `Strategy.queue` calls them."""


class Service:
    """The app, its write-back, its neighbours and its queue server, as a plan wants them.

    Ports are claimed once and kept from plan to plan.

    Args:
        python: the interpreter that runs the app, of another checkout's environment; none: this
            one.
    """

    def __init__(
        self,
        folder: StageFolder,
        processes: ProcessGroup,
        stores: Stores,
        python: Path | None = None,
    ) -> None:
        self.targets_dir = folder.subfolder("targets")
        self._folder = folder
        self._processes = processes
        self._stores = stores
        self._python = python
        self._ports: dict[str, ClaimedPort] = {}

    def configure(self, plan: Plan, logs: Path, *, allow_faults: bool) -> None:
        """Take a plan's settings; nothing starts yet.

        Raises:
            StageUnusableError: no port is free.
        """
        self._plan, self._logs = plan, logs
        neighbours = plan.app.enrolment == "external"
        queue = plan.app.strategy.queue
        self._queue = _QUEUE_SERVERS[queue](self._port(queue)) if queue else None
        self.app = ReferenceApp(
            plan,
            dsn=self._stores.postgres.dsn(),
            redis_url=self._stores.redis.url,
            roster=self._folder.path / "roster.csv",
            targets_dir=self.targets_dir,
            neighbours_url=self._url("neighbours") if neighbours else None,
            queue_at=self._queue.address if self._queue else None,
            allow_faults=allow_faults,
        )
        self._neighbours = Target(self._url("neighbours")) if neighbours else None
        self.admin = self._admin()

    def start(self) -> None:
        """Start everything the plan wants; ready to sell when this returns.

        Raises:
            StageError: something did not start.
        """
        processes = self._processes
        neighbours = self._start_neighbours()
        self._start_queue()
        processes.run(self._spec("prepare", f"{_APP}.prepare", _ENDS_S))
        # Before the app, so that they are stopped after it, whoever clears the stage.
        writebacks = [self._start_writeback(number) for number in range(self.app.writebacks)]
        self._start_server()
        for writeback in writebacks:
            processes.wait(
                writeback, lambda: announced(self.targets_dir, "writeback") >= len(writebacks)
            )
        if neighbours is not None:
            processes.wait(neighbours, self.admin.neighbours_answer)
        processes.lost()  # takes note of the app's workers

    def clear_for(self, plan: Plan) -> None:
        """Kill everything but what another plan goes on with, and its metrics ports."""
        others = [name for name in _QUEUE_SERVERS if name != plan.app.strategy.queue]
        for name in ("app", "writeback", "neighbours", *others):
            self._processes.discard(name)
        for target in self.targets_dir.glob("*.json"):
            target.unlink(missing_ok=True)

    def bring_back(self, name: str) -> None:
        """Start one of its processes again after it has ended, and wait until it works.

        Raises:
            StageError: it does not come back.
        """
        for target in self.targets_dir.glob(f"{name}-*.json"):
            if ProcessId.of(int(target.stem.rpartition("-")[2])) is None:
                target.unlink(missing_ok=True)
        process = self._processes.restart(name)
        if name == "app":
            self._await_app(process, BACK_WITHIN_S)
        elif name == "writeback":
            self._await_announced(process)
        elif name == "neighbours":
            self._processes.wait(process, self.admin.neighbours_answer, BACK_WITHIN_S)
        elif self._queue is not None:
            self._processes.wait(process, self._queue.answers, BACK_WITHIN_S)

    def _await_announced(self, writeback: Managed) -> None:
        def announces() -> bool:
            return announced(self.targets_dir, "writeback") >= self.app.writebacks

        self._processes.wait(writeback, announces, BACK_WITHIN_S)

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

    def _start_queue(self) -> None:
        queue = self._queue
        if queue is None or any(name == queue.name for name, _ in self._processes.members()):
            return
        server = self._processes.start(queue.spec(self._logs, self._folder))
        self._processes.wait(server, queue.answers)

    def _start_writeback(self, number: int) -> Managed:
        spec = self._spec("writeback", f"{_APP}.writeback", _WRITEBACK_FLUSHES_S)
        if number:
            spec = replace(spec, log=self._logs / f"writeback-{number + 1}.jsonl")
        return self._processes.start(spec)

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
        def ready() -> bool:
            announces = announced(self.targets_dir, "app") >= self.app.workers
            return announces and self.admin.target.ready()

        self._processes.wait(server, ready, within_s)

    def _spec(self, name: str, module: str, patience_s: float, port: int = 1) -> ProcessSpec:
        """Describe one of the app's processes; SIGTERM has it finish what it is doing.

        Args:
            port: what a server listens on; the others do not look at it.
        """
        return ProcessSpec(
            name=name,
            argv=python_module(module, self._python),
            environment=self.app.environment(port) | self._folder.marker,
            log=self._logs / f"{name}.jsonl",
            folder=self._folder.path,
            stop_signals=((signal.SIGTERM, patience_s),),
        )

    def _url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._port(name)}"

    def _port(self, name: str) -> int:
        if name not in self._ports:
            self._ports[name] = ClaimedPort.choose()
        return self._ports[name].number
