"""The stores of a stage: its PostgreSQL and its Redis, started, emptied, and brought back."""

import signal
from pathlib import Path
from typing import Final

from dress_rehearsal.compose.faults.patience import BACK_WITHIN_S, DIES_WITHIN_S
from dress_rehearsal.compose.process import Managed
from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.compose.servers.postgres import PostgresServer
from dress_rehearsal.compose.servers.redis import RedisServer
from dress_rehearsal.compose.stage_folder import StageFolder

# Killed by SIGKILL, PostgreSQL's main process leaves its backends and its shared memory behind,
# which keep a new one from starting. After SIGQUIT nothing is left and nothing is saved either.
_DEATHS: Final = {"postgres": signal.SIGQUIT, "redis": signal.SIGKILL}


class Stores:
    """Both servers of one stage, among its processes."""

    def __init__(self, folder: StageFolder, logs: Path, max_connections: int) -> None:
        self.postgres = PostgresServer(folder, logs, max_connections)
        self.redis = RedisServer(folder, logs)
        self._serving: dict[str, Managed] = {}

    def start(self, processes: ProcessGroup) -> None:
        """Start both and make the app's database.

        Raises:
            StageError: one of them does not start.
        """
        processes.run(self.postgres.initdb())
        postgres = processes.start(self.postgres.server())
        redis = processes.start(self.redis.server())
        self._serving = {"postgres": postgres, "redis": redis}
        processes.wait(postgres, self.postgres.answers)
        self.postgres.create_database()
        processes.wait(redis, self.redis.answers)

    def empty(self, processes: ProcessGroup, logs: Path) -> None:
        """Have both forget everything and write their logs to `logs` from now on.

        One that is down is brought back first.

        Raises:
            StageError: one of them cannot be emptied.
        """
        for name, process in list(self._serving.items()):
            if process.exit_code is not None:
                self.bring_back(name, processes)
            self._serving[name].continue_log(logs / process.spec.log.name)
        self.postgres.drop_database()
        self.postgres.create_database()
        self.redis.empty()

    def take_down(self, name: str, processes: ProcessGroup, why: str) -> None:
        """Kill one of them, as planned.

        Raises:
            StageError: it does not run.
        """
        processes.ask_to_end(name, _DEATHS[name])
        processes.await_end(name, DIES_WITHIN_S, why)

    def bring_back(self, name: str, processes: ProcessGroup) -> None:
        """Start one that is down again, on its own data, and wait until it answers.

        Raises:
            StageError: it is not down, or does not come back.
        """
        server = self._serving[name] = processes.restart(name)
        answers = self.postgres.answers if name == "postgres" else self.redis.answers
        processes.wait(server, answers, BACK_WITHIN_S)
