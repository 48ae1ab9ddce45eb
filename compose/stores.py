"""The stores of a stage: its PostgreSQL and its Redis, started, emptied, and brought back."""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dress_rehearsal.compose.postgres import PostgresServer
from dress_rehearsal.compose.process import Component
from dress_rehearsal.compose.processes import Cast
from dress_rehearsal.compose.redis_server import RedisServer
from dress_rehearsal.compose.stage_folder import StageFolder

BACK_WITHIN_S: Final = 15.0
"""What a store may take to come back, with everything it had."""
_DIES_WITHIN_S: Final = 5.0

# Killed by SIGKILL, PostgreSQL's main process leaves its backends and its shared memory behind,
# which keep a new one from starting. After SIGQUIT nothing is left and nothing is saved either.
_DEATHS: Final = {"postgres": signal.SIGQUIT, "redis": signal.SIGKILL}


class Stores:
    """Both servers of one stage, as children in its cast."""

    def __init__(
        self, folder: StageFolder, logs: Path, max_connections: int, marker: Mapping[str, str]
    ) -> None:
        self.postgres = PostgresServer(folder, logs, max_connections)
        self.redis = RedisServer(folder, logs)
        self._marker = marker
        self._serving: dict[str, Component] = {}

    def start(self, cast: Cast) -> None:
        """Start both and make the app's database.

        Raises:
            StageError: one of them does not start.
        """
        cast.run(self.postgres.initdb(self._marker))
        postgres = cast.start(self.postgres.server(self._marker))
        redis = cast.start(self.redis.server(self._marker))
        self._serving = {"postgres": postgres, "redis": redis}
        cast.wait(postgres, self.postgres.answers)
        self.postgres.create_database()
        cast.wait(redis, self.redis.answers)

    def empty(self, cast: Cast, logs: Path) -> None:
        """Have both forget everything and write their logs to `logs` from now on.

        One that is down is brought back first.

        Raises:
            StageError: one of them cannot be emptied.
        """
        for name, component in list(self._serving.items()):
            if component.exit_code is not None:
                self.bring_back(name, cast)
            self._serving[name].continue_log(logs / component.recipe.log.name)
        self.postgres.drop_database()
        self.postgres.create_database()
        self.redis.empty()

    def take_down(self, name: str, cast: Cast, why: str) -> None:
        """Kill one of them, as planned.

        Raises:
            StageError: it does not run.
        """
        cast.ask_to_end(name, _DEATHS[name])
        cast.await_end(name, _DIES_WITHIN_S, why)

    def bring_back(self, name: str, cast: Cast) -> None:
        """Start one that is down again, on its own data, and wait until it answers.

        Raises:
            StageError: it is not down, or does not come back.
        """
        server = self._serving[name] = cast.bring_back(name)
        answers = self.postgres.answers if name == "postgres" else self.redis.answers
        cast.wait(server, answers, BACK_WITHIN_S)
