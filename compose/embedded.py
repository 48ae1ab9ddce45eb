"""The embedded stage: PostgreSQL, Redis and the reference app as child processes, no root, no
Docker; set in seconds, and gone afterwards however the run ended."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self, TypeVar

from compose.cast import Cast
from compose.component import Recipe
from compose.errors import ComponentFailed
from compose.file_limit import raise_file_limit
from compose.folder import StageFolder, sweep
from compose.guardian import Guardian
from compose.port import ClaimedPort, port_taken
from compose.postgres import PostgresServer
from compose.redis_server import RedisServer
from compose.reference_app import ReferenceApp
from compose.running import MARKER, kill_remnants
from compose.stage import Loss
from compose.target import Target
from plans import Person, Plan, write_roster
from records import RunDirectory

_READY_S = 25.0
_APP_DRAINS_S = 10.0
_WRITEBACK_FLUSHES_S = 10.0
_PREPARE_ENDS_S = 2.0
_PORT_TRIES = 3
_ANSWERS_PER_WORKER = 8
"""So many answers in a row that a worker left out of all of them is most unlikely."""

_Part = TypeVar("_Part")


class EmbeddedStage:
    """A context manager: the stage is ready inside, and no process of it is left outside."""

    def __init__(
        self,
        plan: Plan,
        run: RunDirectory,
        people: Sequence[Person],
        *,
        ready_within_s: float = _READY_S,
    ) -> None:
        self.unclean_stops: list[Loss] = []
        """After the stage was cleared: what had to be killed or did not end with 0."""
        self._plan = plan
        self._run = run
        self._people = people
        self._ready_within_s = ready_within_s
        self._folder: StageFolder | None = None
        self._guardian: Guardian | None = None
        self._cast: Cast | None = None
        self._postgres: PostgresServer | None = None
        self._redis: RedisServer | None = None
        self._app: ReferenceApp | None = None
        self._port: ClaimedPort | None = None
        self._target: Target | None = None

    def __enter__(self) -> Self:
        """Set the stage.

        Raises:
            StageError: it could not be set; what had been started is gone again.
        """
        raise_file_limit()
        sweep()
        folder = self._folder = StageFolder.create()
        cast = self._cast = Cast(folder, self._ready_within_s)
        try:
            self._guardian = Guardian.start(folder, self._run.logs / "guardian.log")
            self._start(folder, cast)
        except BaseException:
            self._abandon()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        """Clear the stage in order: app, write-back, Redis, PostgreSQL, folder, guardian."""
        try:
            self.unclean_stops += _entered(self._cast).stop_all()
            self._clear_folder()
        except BaseException:
            self._abandon()
            raise

    @property
    def url(self) -> str:
        """Where the app answers."""
        return _entered(self._target).url

    @property
    def admin_token(self) -> str:
        """What the app's admin routes want as bearer token."""
        return _entered(self._app).admin_token

    @property
    def dsn(self) -> str:
        """Connection string of PostgreSQL's superuser."""
        return _entered(self._postgres).dsn()

    @property
    def redis_url(self) -> str:
        """URL of Redis."""
        return _entered(self._redis).url

    @property
    def roster_path(self) -> Path:
        """The roster as CSV, readable by this user only; gone with the stage."""
        return _entered(self._folder).path / "roster.csv"

    @property
    def targets_dir(self) -> Path:
        """Folder of Prometheus `file_sd` files, one for each app worker and the write-back."""
        return _entered(self._folder).path / "targets"

    @property
    def guardian(self) -> Guardian:
        """Stops what it watches, and the stage, should the conductor die."""
        return _entered(self._guardian)

    @property
    def marker(self) -> dict[str, str]:
        """Environment by which processes of this stage are found even when their parent is gone."""
        return {MARKER: str(_entered(self._folder).path)}

    def open_at(self, t0_ns: int) -> None:
        """Have the sale open at `t0_ns`; every worker honours it when this returns.

        Raises:
            TargetRefused: the app said no or does not answer.
        """
        app = _entered(self._app)
        _entered(self._target).open_at(
            self._plan.event.id, t0_ns, app.admin_token, _ANSWERS_PER_WORKER * app.workers
        )

    def components(self) -> list[tuple[str, int]]:
        """List the processes that run now as (component, pid).

        The app appears once for its main process and once for each worker; PostgreSQL by its
        postmaster only.
        """
        return _entered(self._cast).members()

    def lost(self) -> list[Loss]:
        """List what ended since this was last asked though nobody stopped it.

        A worker of the app counts as `app`, even though the app replaces it.
        """
        return _entered(self._cast).lost()

    def stop_app(self) -> None:
        """Have the app finish what is in flight (10 s at most) and end; the stores stay up."""
        self.unclean_stops += _entered(self._cast).stop("app")

    def _start(self, folder: StageFolder, cast: Cast) -> None:
        logs, marker = self._run.logs, self.marker
        postgres = self._postgres = PostgresServer(
            folder, logs, self._plan.postgres.max_connections
        )
        redis = self._redis = RedisServer(folder, logs)
        self.targets_dir.mkdir(mode=0o700)
        write_roster(self.roster_path, self._people)
        cast.run(postgres.initdb(marker))
        postgres_server = cast.start(postgres.server(marker))
        redis_server = cast.start(redis.server(marker))
        cast.wait(postgres_server, postgres.answers)
        postgres.create_database()
        cast.wait(redis_server, redis.answers)
        self._app = ReferenceApp(
            self._plan,
            dsn=postgres.dsn(),
            redis_url=redis.url,
            roster=self.roster_path,
            targets_dir=self.targets_dir,
        )
        self._start_app(self._app, cast)

    def _start_app(self, app: ReferenceApp, cast: Cast) -> None:
        cast.run(self._recipe("prepare", "target_app.prepare", _PREPARE_ENDS_S))
        writeback = None
        if app.has_writeback:
            # Before the app, so that it is stopped after it, whoever clears the stage.
            writeback = cast.start(
                self._recipe("writeback", "target_app.writeback", _WRITEBACK_FLUSHES_S)
            )
        self._target = self._start_server(app, cast)
        if writeback is not None:
            cast.wait(writeback, lambda: self._announced("writeback") >= 1)
        cast.lost()  # takes note of the app's workers

    def _start_server(self, app: ReferenceApp, cast: Cast) -> Target:
        """Start the app on a free port; on another one when somebody was quicker to take it."""
        for tries_left in reversed(range(_PORT_TRIES)):
            port = self._port = ClaimedPort.choose()
            target = Target(f"http://127.0.0.1:{port.number}")
            server = cast.start(self._recipe("app", "target_app", _APP_DRAINS_S, port.number))
            try:
                cast.wait(server, lambda: self._announced("app") >= app.workers)
                cast.wait(server, target.ready)
            except ComponentFailed as error:
                if error.name != "app" or not tries_left or not port_taken(port.number):
                    raise
                port.close()
                cast.dismiss(server)
            else:
                break
        return target

    def _recipe(self, name: str, module: str, patience_s: float, port: int = 1) -> Recipe:
        """Describe one of the app's processes; only the app itself listens on `port`."""
        return _entered(self._app).recipe(
            name,
            module,
            port=port,
            marker=self.marker,
            logs=self._run.logs,
            folder=_entered(self._folder).path,
            patience_s=patience_s,
        )

    def _announced(self, component: str) -> int:
        return len(list(self.targets_dir.glob(f"{component}-*.json")))

    def _abandon(self) -> None:
        """Clear the stage quickly, owing nobody a clean end."""
        if self._cast is not None:
            self._cast.abandon()
        self._clear_folder()

    def _clear_folder(self) -> None:
        folder, self._folder = self._folder, None
        if folder is None:
            return
        try:
            kill_remnants(folder.path)
            folder.remove()
        except BaseException:
            if self._guardian is not None:
                self._guardian.take_over()
            raise
        finally:
            if self._port is not None:
                self._port.close()
        if self._guardian is not None:
            self._guardian.release()


def _entered(part: _Part | None) -> _Part:
    if part is None:
        raise RuntimeError("the stage has not been entered, or has been left")
    return part
