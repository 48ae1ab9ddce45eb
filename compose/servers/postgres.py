"""The stage's PostgreSQL: a server of its own from wheels, reached over a private socket."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.process import Account, ProcessSpec
from dress_rehearsal.compose.servers.binaries import postgres_binaries
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.records.collectors.postgres import connect, cut_off_after
from dress_rehearsal.records.environment_variables import child_environment

DATABASE = "festival"
_PORT = 5432  # only names the socket file; nothing listens on TCP
_SYSTEM_USER = "pgserver"
_ANSWER_S = 2
_ORDER_S = 15.0
"""What making or dropping a database may take; dropping waits for what others still do there."""
_COMMAND_S = 20.0
_OBEYED = frozenset('"$`\\\n')
"""What a shell obeys between double quotation marks, in which initdb gives it a path."""


class PostgresServer:
    """Where the server lives, how it is started, and whether it answers."""

    def __init__(self, folder: StageFolder, logs: Path, max_connections: int) -> None:
        """Make its folder, and the system user where PostgreSQL refuses to run as root.

        Raises:
            StageUnusableError: there is no such user and none can be made, or it cannot get to
                the stage's folder.
        """
        self._logs = logs
        self._max_connections = max_connections
        self._folder = folder.subfolder("postgres")
        self._environment = child_environment(folder.marker)
        self._data = self._folder / "data"
        if os.geteuid() != 0:
            _check_named()
        self._account = _system_user() if os.geteuid() == 0 else None
        self._binaries = postgres_binaries()
        if self._account is not None:
            _let_in(self._account, folder.path)
            os.chown(self._folder, self._account.uid, self._account.gid)
            self._binaries = _runnable(self._binaries, self._account, folder)

    def dsn(self, database: str = DATABASE) -> str:
        """Return the superuser's connection string; it leads to nobody's file of passwords."""
        return (
            f"postgresql://postgres@/{database}?host={quote(str(self._folder))}&port={_PORT}"
            f"&passfile={quote(str(self._folder / 'no-passwords'))}"
        )

    def initdb(self) -> ProcessSpec:
        """Make the data directory; ends by itself."""
        return self._spec(
            "initdb",
            [
                # Whoever reaches the socket is let in as superuser. Only the owner of the folder
                # around it (mode 0700) and root can: the server has no other door.
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",  # an empty cluster is worth nothing after a crash
                "--no-instructions",
                f"--pgdata={self._data}",
            ],
        )

    def server(self) -> ProcessSpec:
        """Serve, with the durability settings a production server has by default.

        Its log is part of the run directory: `terse` leaves out the details of an error, which
        are the values of the row, a student number among them.

        SIGINT rolls back what is open and shuts down; SIGQUIT gives up at once, but still frees
        the shared memory that SIGKILL leaves behind.
        """
        return self._spec(
            "postgres",
            [
                "-D",
                str(self._data),
                f"--unix_socket_directories={_in_list(self._folder)}",
                "--listen_addresses=",
                f"--port={_PORT}",
                f"--max_connections={self._max_connections}",
                "--shared_buffers=128MB",
                # Files in the data directory, which go with it however the server ends.
                "--dynamic_shared_memory_type=mmap",
                "--unix_socket_permissions=0700",
                "--log_error_verbosity=terse",
            ],
            ((signal.SIGINT, 5.0), (signal.SIGQUIT, 2.0)),
        )

    def answers(self) -> bool:
        """Return whether it accepts connections yet."""
        try:
            psycopg.connect(self.dsn("postgres"), connect_timeout=_ANSWER_S).close()
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self) -> None:
        """Make the database the app uses.

        Raises:
            StageUnusableError: the server refused.
        """
        self._order("create", sql.SQL("CREATE DATABASE {}"))

    def drop_database(self) -> None:
        """Throw the app's database away, and out whoever is still connected to it.

        Raises:
            StageUnusableError: the server refused.
        """
        self._order("drop", sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"))

    def _order(self, verb: str, statement: sql.SQL) -> None:
        try:
            with (
                contextlib.closing(
                    connect(self.dsn("postgres"), statement_timeout_s=_ORDER_S)
                ) as connection,
                cut_off_after(connection, _ORDER_S),
            ):
                connection.execute(statement.format(sql.Identifier(DATABASE)))
        except psycopg.Error as error:
            raise StageUnusableError(
                f"The stage is not set: PostgreSQL did not {verb} the database {DATABASE}: {error}"
            ) from error

    def _spec(
        self,
        name: str,
        arguments: list[str],
        stop_signals: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 2.0),),
    ) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            argv=[str(self._binaries / name), *arguments],
            environment=self._environment,
            log=self._logs / f"{name}.log",
            folder=self._folder,
            stop_signals=stop_signals,
            account=self._account,
        )


def _in_list(folder: Path) -> str:
    """Return a folder as it stands in a list of them."""
    return '"' + str(folder).replace('"', '""') + '"'


def _check_named() -> None:
    """Check that this user has a name, without which initdb refuses to work.

    Raises:
        StageUnusableError: it has none, as in a container started with a bare number.
    """
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError as error:
        raise StageUnusableError(
            f"The stage is not set: PostgreSQL needs its user to have a name, and uid "
            f"{os.geteuid()} has none here; add a line for it to /etc/passwd, or run the rehearsal "
            f"as a user that has one."
        ) from error


def _system_user() -> Account:
    """Find or make the user that PostgreSQL runs as when we are root."""
    try:
        entry = pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        entry = _make_system_user()
    return Account(_SYSTEM_USER, entry.pw_uid, entry.pw_gid)


def _make_system_user() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/false"]
    command.append(_SYSTEM_USER)
    try:
        made = subprocess.run(
            command,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_S,
        )
        return pwd.getpwnam(_SYSTEM_USER)  # another stage may have been quicker
    except (OSError, KeyError, subprocess.TimeoutExpired) as error:
        reason = made.stderr.strip() if isinstance(error, KeyError) else error
        raise StageUnusableError(
            f"The stage is not set: PostgreSQL does not run as root, and the system user "
            f"{_SYSTEM_USER} could not be made for it ({reason}); make it with "
            f"`{' '.join(command)}`, or run the rehearsal as an ordinary user."
        ) from error


def _let_in(account: Account, path: Path) -> None:
    """Let the user walk through the stage's folder, seeing nothing of it."""
    path.chmod(0o711)
    for parent in path.parents:
        found = parent.stat()
        if not (found.st_mode & 0o001 or found.st_uid == account.uid):
            raise StageUnusableError(
                f"The stage has nowhere to live: PostgreSQL runs as user {account.name}, which "
                f"may not enter {parent}; set TMPDIR to a folder everybody may enter, such as /tmp."
            )


def _runnable(binaries: Path, account: Account, folder: StageFolder) -> Path:
    """Return binaries the user can run: the installed ones, or a copy of them in the stage.

    With a virtual environment under a private home the installed ones are out of reach. Opening
    that home to everybody would outlive the rehearsal; a copy does not.
    """
    try:
        subprocess.run(
            [binaries / "postgres", "--version"],
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            check=True,
            capture_output=True,
            timeout=_COMMAND_S,
        )
    except (PermissionError, subprocess.SubprocessError):
        if _OBEYED & set(str(folder.path)):
            raise StageUnusableError(
                f"PostgreSQL cannot be started from a copy in {folder.path}: its initdb gives that "
                f"path to a shell, which obeys one of its characters; set TMPDIR to another folder."
            ) from None
        return _copied(binaries, folder.path / "postgres-install")
    return binaries


def _copied(binaries: Path, to: Path) -> Path:
    """Copy an installation with the libraries its wheel keeps beside the package."""
    package = binaries.parents[1]
    for installed in (binaries.parent, package.with_name(f"{package.name}.libs")):
        if installed.is_dir():
            copy = to / installed.relative_to(package.parent)
            shutil.copytree(installed, copy, symlinks=True)
    for path in [to, *to.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    return to / binaries.relative_to(package.parent)
