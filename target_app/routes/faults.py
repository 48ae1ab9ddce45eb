"""Routes of faults: seeing and setting the switches. They exist only with `APP_FAULTS=on`."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
import msgspec
from litestar import Litestar, get, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import Body
from litestar.types import Scope

from dress_rehearsal.target_app.allocators import ALLOCATIONS
from dress_rehearsal.target_app.errors import DependencyDownError
from dress_rehearsal.target_app.faults import FAULTS, KINDS, FaultSwitches
from dress_rehearsal.target_app.http.openapi import ADMIN, responses
from dress_rehearsal.target_app.http.problems import PROBLEMS, make_problem
from dress_rehearsal.target_app.http.response import Answer, json_answer
from dress_rehearsal.target_app.request_context import NS, age_ns, bearer_header, shows
from dress_rehearsal.target_app.services import Services
from dress_rehearsal.target_app.settings import Settings
from dress_rehearsal.target_app.stores.constraints import (
    ConstraintsContradictedError,
    drop_constraints,
    ensure_constraints,
)
from dress_rehearsal.target_app.stores.redis import make_client
from dress_rehearsal.target_app.telemetry.boundaries import measured

STORE_TIMEOUT_S = 2.0
LATEST_S = 2.0
"""A switch that was asked for so long ago is wanted no more: whoever did has given up waiting."""
_MOST = {"share": 1.0, "seconds": 600.0, "items": 1_000_000.0, "switch": 1.0}
_UNCONSTRAINED = {  # fault: the table whose constraints would keep it from doing harm
    "unique_off": "tickets",
    "duplicate_check_before_lock": "tickets",
    "redelivery": "tickets",
    "qr_replay": "entries",
}
# While this long is waited for a table, everybody behind waits as well; whoever asks asks again.
_TAKING_AWAY_MS, _PUTTING_BACK_MS = 5000, 1000
_ONE_AT_A_TIME = "SELECT pg_advisory_lock(hashtext('guards'))"  # held until the connection closes
_LOG = logging.getLogger(__name__)


class Grade(msgspec.Struct):
    """How bad: a share from 0 to 1, seconds, items, or 1 for a switch; 0 is off."""

    grade: Annotated[float, msgspec.Meta(ge=0)]


class Switch(msgspec.Struct):
    """One fault and how bad it is now."""

    fault: str
    grade: float


class Switches(msgspec.Struct):
    """Every fault there is, and how bad it is now; 0 is off."""

    faults: dict[str, float]


class FaultControl:
    """Sets faults for all processes, and does to the database what some of them need."""

    def __init__(self, settings: Settings) -> None:
        self._dsn = settings.database_dsn
        self._constrained = ALLOCATIONS[settings.allocation].constrained
        self._redis = make_client(settings.redis_url, STORE_TIMEOUT_S, STORE_TIMEOUT_S)
        self._switches = FaultSwitches(self._redis)

    @asynccontextmanager
    async def lifespan(self, _: Litestar) -> AsyncIterator[None]:
        """While inside, this process knows the switches."""
        await self._switches.refresh()
        watching = self._switches.watching()
        watching.start()
        try:
            yield
        finally:
            await watching.stop()
            await self._redis.aclose()
            FAULTS.set_all({})

    async def look(self) -> dict[str, float]:
        """Return every fault's grade, as all processes will know it within a moment."""
        await self._switches.refresh()
        return {fault: FAULTS.grade(fault) for fault in KINDS}

    async def set(self, fault: str, grade: float) -> None:
        """Set one fault: constraints go before it begins, and are back once it is over.

        Raises `DependencyDownError` where a store does not do its part, and
        `ConstraintsContradictedError` where a fault has been switched off but left rows that keep
        its constraints away.
        """
        table = _UNCONSTRAINED.get(fault)
        if table is not None and grade > 0:
            await self._set_unconstrained(fault, grade, table)
        else:
            await self._switches.write(fault, grade)
        _LOG.warning("fault set", extra={"fault": fault, "grade": grade})
        if table is not None and grade == 0:
            await self._constrain_again(table)

    @measured("postgres", "take_guards_away")
    async def _set_unconstrained(self, fault: str, grade: float, table: str) -> None:
        """Have PostgreSQL itself not refuse what the fault is to do."""
        async with self._alone(_TAKING_AWAY_MS) as connection:
            await drop_constraints(connection, table)
            await self._switches.write(fault, grade)

    @measured("postgres", "put_guards_back")
    async def _constrain_again(self, table: str) -> None:
        """Put the table's constraints back, unless another fault wants them away too."""
        if table == "tickets" and not self._constrained:
            return
        async with self._alone(_PUTTING_BACK_MS) as connection:
            await self._switches.refresh()
            if not any(FAULTS.grade(fault) for fault, of in _UNCONSTRAINED.items() if of == table):
                await ensure_constraints(connection, table)

    @asynccontextmanager
    async def _alone(self, lock_timeout_ms: int) -> AsyncIterator[Any]:
        """A connection to change constraints with, while no other process of the service does."""
        connection: Any = None
        try:
            connection = await asyncpg.connect(
                self._dsn,
                timeout=STORE_TIMEOUT_S,
                server_settings={"lock_timeout": str(lock_timeout_ms)},
            )
            await connection.execute(_ONE_AT_A_TIME)
            yield connection
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            first, *_ = [*str(error).splitlines(), ""]  # what follows may tell of rows
            raise DependencyDownError("PostgreSQL", f"{type(error).__name__}: {first}") from error
        finally:
            if connection is not None:
                await connection.close(timeout=STORE_TIMEOUT_S)


def fault_routes(services: Services, control: FaultControl) -> list[HTTPRouteHandler]:
    """Return the routes, bound to `services`."""
    admin = bearer_header(services.settings.admin_token)

    @get(
        "/admin/faults",
        security=ADMIN,
        responses=responses((200, Switches, "The switches."), refusals=("unauthenticated",)),
    )
    async def show_faults() -> Answer:
        if not shows(admin):
            return PROBLEMS["unauthenticated"]
        return json_answer(200, Switches(await control.look()))

    @put(
        "/admin/faults/{fault:str}",
        security=ADMIN,
        responses=responses(
            (200, Switch, "Every process of the service knows within 0.2 s."),
            refusals=("unauthenticated", "fault_unknown", "guards_missing", "request_too_large"),
        ),
    )
    async def set_fault(scope: Scope, data: Annotated[Grade, Body()]) -> Answer:
        if not shows(admin):
            return PROBLEMS["unauthenticated"]
        fault = scope["path_params"]["fault"]
        if fault not in KINDS:
            return PROBLEMS["fault_unknown"]
        most = _MOST[KINDS[fault]]
        if data.grade > most:
            return make_problem("invalid_request", f"{fault}: grade must be at most {most:g}.")
        if age_ns() > LATEST_S * NS:
            return make_problem(
                "overloaded",
                f"{fault} is left as it is: this was asked too long ago; ask again.",
            )
        try:
            await control.set(fault, data.grade)
        except ConstraintsContradictedError as error:
            _LOG.warning(
                "fault off but not over",
                extra={"fault": fault, "missing_guards": error.constraints},
            )
            return make_problem("guards_missing", f"{fault} is switched off, but not over: {error}")
        return json_answer(200, Switch(fault, data.grade))

    return [show_faults, set_fault]
