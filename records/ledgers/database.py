"""A ledger that is asked for in SQL: any database that SQLAlchemy has a dialect and a driver for.

It is only read: in a transaction that cannot write where the database has such a thing, and undone
in any case. The database's URL is a secret: no sentence shows it, and whatever a driver says is
shown without any part of it.
"""

import importlib.util
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import sqlalchemy
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from dress_rehearsal.plans.hosts import is_loopback
from dress_rehearsal.records.ledgers.complaint import complaint, mistake_of, scrubbed
from dress_rehearsal.records.ledgers.table import (
    MOST_ROWS,
    LedgerUnreadableError,
    Table,
    check_number,
    shown_names,
)

_DRIVERS: Final = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+asyncpg": "postgresql+psycopg",
    "sqlite+aiosqlite": "sqlite",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mysql+aiomysql": "mysql+pymysql",
    "mysql+asyncmy": "mysql+pymysql",
    "oracle+oracledb_async": "oracle+oracledb",
    "mssql+aioodbc": "mssql+pyodbc",
}
"""What an app's own URL asks for, and the driver that it is read with here: one that waits."""

_PACKAGES: Final = {
    "pymysql": "PyMySQL",
    "MySQLdb": "mysqlclient",
    "mysql": "mysql-connector-python",
    "psycopg2": "psycopg2-binary",
    "cx_Oracle": "cx_Oracle",
}
"""What is installed for a module, where it is called otherwise."""

_ELSEWHERE: Final = frozenset(
    {"odbc_connect", "dsn", "service", "servicefile", "read_default_file", "read_default_group"}
)
"""Keys of a URL that name the host somewhere else."""
_HOSTS: Final = ("host", "hostaddr")
_SHAPE: Final = "such as postgresql://user:password@host/database"
_STEPS: Final = 10_000
"""Of SQLite's machine, between two looks at the clock."""
_AT_ONCE: Final = 10_000


def read_database(
    variable: str, dsn: str, query: str, timeout_s: float, allow: Sequence[str]
) -> Table:
    """Return what a query gives.

    Args:
        variable: the environment variable that the URL is from, for the sentences.
        dsn: the database's URL.
        allow: hosts other than this machine that may be asked.

    Raises:
        LedgerUnreadableError: there is no driver, no such database, or no such table.
    """
    url = _url(variable, dsn)
    _check_hosts(variable, url, allow)
    _check_file(variable, url)
    engine = _engine(variable, url, timeout_s)
    try:
        with engine.connect() as connection:
            _guard(connection, timeout_s)
            return _rows(connection, query)
    except LedgerUnreadableError:
        raise
    except DBAPIError as error:
        said = complaint(error.orig, variable, url, dsn, timeout_s)
        tables = _tables(engine, timeout_s) if mistake_of(error.orig) == "table" else ""
        raise LedgerUnreadableError(f"{said}{tables}") from None
    except (SQLAlchemyError, OSError, ValueError, TypeError, LookupError, RuntimeError) as error:
        said = scrubbed(str(error), url, dsn)
        raise LedgerUnreadableError(f"the database could not be read: {said}") from None
    finally:
        engine.dispose()


def check_url(variable: str, dsn: str, allow: Sequence[str]) -> None:
    """Check that a database may be asked and that its driver is installed; nobody is asked.

    Raises:
        LedgerUnreadableError: it may not, or there is none.
    """
    url = _url(variable, dsn)
    _check_hosts(variable, url, allow)
    _engine(variable, url, 1.0).dispose()


def _url(variable: str, dsn: str) -> URL:
    try:
        url = make_url(dsn)
        url.get_backend_name()
    except (ArgumentError, ValueError, TypeError):
        raise LedgerUnreadableError(
            f"the value of {variable} is no URL of a database, {_SHAPE}"
        ) from None
    name = _DRIVERS.get(url.drivername, url.drivername)
    if url.drivername == "mysql" and _is_installed("MySQLdb"):
        name = "mysql+mysqldb"
    if url.drivername == "postgresql+psycopg2" and not _is_installed("psycopg2"):
        name = "postgresql+psycopg"
    return url.set(drivername=name)


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _check_hosts(variable: str, url: URL, allow: Sequence[str]) -> None:
    """Check that the database is on this machine, or on a host that the plan allows."""
    named = [url.host or ""]
    for key, value in url.query.items():
        if key.lower() in _ELSEWHERE:
            raise LedgerUnreadableError(
                f"the value of {variable} does not name the database's host, so nobody can tell "
                f"whether it may be asked: write it {_SHAPE}"
            )
        if key.lower() in _HOSTS:
            named += [value] if isinstance(value, str) else list(value)
    known = {name.lower() for name in allow}
    for text in named:
        for part in text.split(","):
            host = part.strip("[]")
            if host.startswith("/") or not host:
                continue  # a socket of this machine
            bare = host.partition(":")[0] if host.count(":") == 1 else host
            if not is_loopback(bare) and bare.lower() not in known:
                raise LedgerUnreadableError(
                    f"the host that {variable} names is not on this machine and the plan's "
                    f"target.allow does not name it; add it there if that database is yours to ask"
                )


def _check_file(variable: str, url: URL) -> None:
    """Check that there is the file of an SQLite database: asked for one, SQLite would make it."""
    database = url.database or ""
    if url.get_backend_name() == "sqlite" and database not in ("", ":memory:"):
        path = database.removeprefix("file:").partition("?")[0]
        if not Path(path).is_file():
            raise LedgerUnreadableError(f"there is no file where {variable} says")


def _engine(variable: str, url: URL, timeout_s: float) -> Engine:
    try:
        return sqlalchemy.create_engine(
            url, poolclass=NullPool, connect_args=_connect_args(url, timeout_s)
        )
    except NoSuchModuleError:
        raise LedgerUnreadableError(
            f"SQLAlchemy has no dialect for what the value of {variable} begins with: write it "
            f"{_SHAPE}, or install the package that brings the dialect"
        ) from None
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        raise LedgerUnreadableError(
            f"the driver {module}, which the value of {variable} asks for, is not installed: run "
            f"pip install {_PACKAGES.get(module, module)}"
        ) from None
    except (ArgumentError, TypeError, ValueError):
        raise LedgerUnreadableError(
            f"the value of {variable} holds what its driver does not know: write it {_SHAPE}"
        ) from None


def _connect_args(url: URL, timeout_s: float) -> dict[str, Any]:
    whole_s = max(2, math.ceil(timeout_s))
    match url.get_backend_name():
        case "postgresql" | "mysql" | "mariadb":
            return {"connect_timeout": whole_s}
        case "sqlite":
            return {"timeout": timeout_s}
        case _:
            return {}


def _guard(connection: Connection, timeout_s: float) -> None:
    """Have the transaction read only, and no statement of it take longer than allowed."""
    limit_ms = max(1, math.ceil(timeout_s * 1e3))
    match connection.dialect.name:
        case "postgresql":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {limit_ms}")
        case "mysql" | "mariadb":
            if getattr(connection.dialect, "is_mariadb", False):
                connection.exec_driver_sql(f"SET SESSION max_statement_time = {limit_ms / 1e3}")
            else:
                connection.exec_driver_sql(f"SET SESSION max_execution_time = {limit_ms}")
            connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
            # A TIMESTAMP comes without its zone, in the session's: a time without one is UTC's.
            connection.exec_driver_sql("SET SESSION time_zone = '+00:00'")
        case "sqlite":
            connection.exec_driver_sql("PRAGMA query_only = ON")
            _bound_sqlite(connection.connection.driver_connection, timeout_s)
        case "oracle":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        case _:
            pass  # what it does is undone when the connection is closed


def _bound_sqlite(own: Any, timeout_s: float) -> None:
    """Have SQLite, which knows no time-out of a statement, look at the clock as it works."""
    until_s = time.monotonic() + timeout_s
    if hasattr(own, "set_progress_handler"):  # else another driver's, which is left to its thread
        own.set_progress_handler(lambda: time.monotonic() > until_s, _STEPS)


def _tables(engine: Engine, timeout_s: float) -> str:
    """Return which tables there are, as the end of a sentence; nothing where nobody tells."""
    try:
        with engine.connect() as connection:
            _guard(connection, timeout_s)
            looked = sqlalchemy.inspect(connection)
            names = [*looked.get_table_names(), *looked.get_view_names()]
    except (SQLAlchemyError, OSError, NotImplementedError):
        return ""
    return f"; there are {shown_names(sorted(names))}" if names else "; there is no table at all"


def _rows(connection: Connection, query: str) -> Table:
    # As it stands: a colon or a per cent sign in it means nothing to SQLAlchemy or the driver.
    plain = connection.execution_options(no_parameters=True, stream_results=True)
    with plain.exec_driver_sql(query) as result:
        if not result.returns_rows:
            raise LedgerUnreadableError("its query gives no rows: it has to be one SELECT")
        names = list(result.keys())
        rows: list[Any] = []
        while part := result.fetchmany(_AT_ONCE):
            rows += part
            if len(rows) > MOST_ROWS:
                check_number(len(rows))
    return Table(names, rows)
