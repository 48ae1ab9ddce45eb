"""A small ticket shop on FastAPI, asyncpg and uvicorn, to be rehearsed.

Members log in with JSON and get a bearer token. A ticket is sold by one
`UPDATE … WHERE remaining > 0` within a transaction. `SHOP_FAULT` names one wrong that the shop then
does; see the README above.
"""

import asyncio
import csv
import hashlib
import hmac
import itertools
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, FastAPI, Header, HTTPException, Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, generate_latest
from pydantic import AwareDatetime, BaseModel

FAULT = os.environ.get("SHOP_FAULT", "")
SEATS = int(os.environ.get("SHOP_SEATS", "60"))
POOL_SIZE = 1 if FAULT == "small_pool" else 20
POOL_TIMEOUT_S = 2.0
RECOMMENDATIONS_S = 0.02
"""How long the database works on a member's history; here it only sleeps."""
PAYMENT_S = 0.3
"""How long the payment provider takes; only a faulty shop waits for it at the wrong moment."""
CLOCK_AHEAD_S = 2.0 if FAULT == "early" else 0.0
LOST_EVERY = 4
HASH_ROUNDS = 1_000
"""Few: a storm of logins is not what this shop is to show."""
MEMBERS = Path(__file__).parents[1] / "roster.csv"

SCHEMA = """
CREATE TABLE IF NOT EXISTS members
    (number text PRIMARY KEY, email text, salt bytea, pin_hash bytea, paid_up boolean);
CREATE TABLE IF NOT EXISTS sales (id int PRIMARY KEY, remaining int, opens_at timestamptz);
CREATE TABLE IF NOT EXISTS tickets
    (id text PRIMARY KEY, member text REFERENCES members, issued_at timestamptz);
DROP INDEX IF EXISTS one_ticket_each;
"""
ONE_EACH = "CREATE UNIQUE INDEX one_ticket_each ON tickets (member)"

in_use = Gauge("shop_db_connections", "Connections of the pool by state.", ["state"])
most = Gauge("shop_db_connections_max", "Connections there may be.")
waiting = Gauge("shop_db_waiting", "Requests that wait for a connection.")
waited = Counter("shop_db_wait_seconds", "How long all waited so far.")
acquired = Counter("shop_db_acquired", "Connections handed out so far.")
held = Counter("shop_db_hold_seconds", "How long all were held so far.")
released = Counter("shop_db_released", "Connections given back so far.")
timeouts = Counter("shop_db_wait_timeouts", "Waits that ran out.")


class Pool:
    """asyncpg's pool, which counts no waits itself, with the figures that a rehearsal judges."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool
        most.set(pool.get_max_size())
        in_use.labels("used").set_function(lambda: pool.get_size() - pool.get_idle_size())
        in_use.labels("idle").set_function(pool.get_idle_size)

    async def acquire(self) -> Any:
        """Return a connection as soon as there is one; 503 where that takes too long."""
        began = time.perf_counter()
        with waiting.track_inprogress():
            try:
                connection = await self._pool.acquire(timeout=POOL_TIMEOUT_S)
            except TimeoutError as error:
                timeouts.inc()
                raise HTTPException(503, "no connection") from error
            finally:
                waited.inc(time.perf_counter() - began)
        acquired.inc()
        return connection

    async def release(self, connection: Any, since: float) -> None:
        """Give a connection back that was held since then, by `time.perf_counter`."""
        await self._pool.release(connection)
        held.inc(time.perf_counter() - since)
        released.inc()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """Hold a connection."""
        connection, since = await self.acquire(), time.perf_counter()
        try:
            yield connection
        finally:
            await self.release(connection, since)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep the pool open for as long as the shop runs."""
    pool = await asyncpg.create_pool(os.environ["SHOP_DSN"], min_size=POOL_SIZE, max_size=POOL_SIZE)
    app.state.pool = Pool(pool)
    try:
        yield
    finally:
        pool.terminate()  # `close` would wait for what was never given back


app = FastAPI(lifespan=lifespan)
members_by_token: dict[str, str] = {}
issued = itertools.count(1)
forgotten: list[Any] = []


class Login(BaseModel):
    """What a member logs in with."""

    member: str
    pin: str


class Opening(BaseModel):
    """When the sale opens."""

    opens_at: AwareDatetime


def member(authorization: Annotated[str, Header()] = "") -> str:
    """Return the number of the member whose token it is."""
    number = members_by_token.get(authorization.removeprefix("Bearer "))
    if number is None:
        raise HTTPException(401)
    return number


def operator(x_admin_key: Annotated[str, Header()] = "") -> None:
    """Let only the shop's operators in."""
    if not hmac.compare_digest(x_admin_key, os.environ.get("SHOP_ADMIN_KEY", "")):
        raise HTTPException(403)


@app.get("/health")
async def health() -> dict[str, bool]:
    """Say that the shop is up."""
    return {"up": True}


@app.get("/internal/prometheus")
async def metrics() -> Response:
    """Return what Prometheus reads."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@app.post("/token")
async def token(login: Login) -> dict[str, str]:
    """Log a member in."""
    query = "SELECT salt, pin_hash FROM members WHERE number = $1"
    async with app.state.pool.connection() as db:
        row = await db.fetchrow(query, login.member)
    if row is None or not hmac.compare_digest(hashed(login.pin, row["salt"]), row["pin_hash"]):
        raise HTTPException(401)
    value = secrets.token_urlsafe()
    members_by_token[value] = login.member
    return {"access_token": value, "token_type": "bearer"}


@app.get("/sale")
async def sale() -> dict[str, Any]:
    """Say when the sale opens, and what time it is here."""
    async with app.state.pool.connection() as db:
        opens_at = await db.fetchval("SELECT opens_at FROM sales")
    return {"opens_at": opens_at, "now": time.time()}


@app.post("/tickets", status_code=201)
async def buy(number: Annotated[str, Depends(member)]) -> dict[str, str]:
    """Sell the member a ticket."""
    db, since = await app.state.pool.acquire(), time.perf_counter()
    try:
        await check_may_buy(db, number)
    except HTTPException as refusal:
        if FAULT == "leak" and refusal.status_code == 403:
            forgotten.append(db)  # it never goes back to the pool
        raise
    finally:
        if not any(db is one for one in forgotten):
            await app.state.pool.release(db, since)
    if FAULT in ("second_ticket", "oversell"):
        await asyncio.sleep(PAYMENT_S)  # what was checked before may no longer be so
    ticket = secrets.token_hex(8)
    async with app.state.pool.connection() as db:
        if FAULT == "lost" and next(issued) % LOST_EVERY == 0:
            return {
                "ticket": ticket
            }  # as where a write behind the answer fails, and is only logged
        async with db.transaction():
            await issue(db, number, ticket)
    return {"ticket": ticket}


async def check_may_buy(db: Any, number: str) -> None:
    """Turn away whoever may not buy, or not yet."""
    row = await db.fetchrow("SELECT opens_at, remaining FROM sales")
    opens_at: datetime | None = row["opens_at"]
    if opens_at is None or time.time() < opens_at.timestamp() - CLOCK_AHEAD_S:
        raise HTTPException(425)
    await db.execute("SELECT pg_sleep($1)", RECOMMENDATIONS_S)
    if not await db.fetchval("SELECT paid_up FROM members WHERE number = $1", number):
        raise HTTPException(403)
    if await db.fetchval("SELECT id FROM tickets WHERE member = $1", number):
        raise HTTPException(409)
    if row["remaining"] <= 0:
        raise HTTPException(410)


async def issue(db: Any, number: str, ticket: str) -> None:
    """Take a ticket off the sale and write whose it is; a refusal undoes both."""
    is_left = "true" if FAULT == "oversell" else "remaining > 0"
    taken = f"UPDATE sales SET remaining = remaining - 1 WHERE {is_left} RETURNING remaining"  # noqa: S608
    if await db.fetchval(taken) is None:
        raise HTTPException(410)
    try:
        await db.execute("INSERT INTO tickets VALUES ($1, $2, clock_timestamp())", ticket, number)
    except asyncpg.UniqueViolationError as error:
        raise HTTPException(409) from error


@app.put("/-/sale", dependencies=[Depends(operator)], status_code=204)
async def open_sale(opening: Opening) -> None:
    """Set when the sale opens."""
    async with app.state.pool.connection() as db:
        await db.execute("UPDATE sales SET opens_at = $1", opening.opens_at)


@app.post("/-/reset", dependencies=[Depends(operator)], status_code=204)
async def reset() -> None:
    """Put the shop back to before the sale: all members, all tickets unsold, nobody logged in."""
    members_by_token.clear()
    with MEMBERS.open(newline="") as file:
        people = [account(row) for row in csv.DictReader(file)]
    async with app.state.pool.connection() as db, db.transaction():
        await db.execute(SCHEMA)
        await db.execute("TRUNCATE members, sales, tickets")
        if FAULT != "second_ticket":
            await db.execute(ONE_EACH)
        await db.executemany("INSERT INTO members VALUES ($1, $2, $3, $4, $5)", people)
        await db.execute("INSERT INTO sales VALUES (1, $1, NULL)", SEATS)


def account(row: dict[str, str]) -> tuple[str, str, bytes, bytes, bool]:
    """Return a member's row of the database."""
    salt = secrets.token_bytes(16)
    return row["member"], row["student"], salt, hashed(row["pin"], salt), row["enrolled"] == "1"


def hashed(pin: str, salt: bytes) -> bytes:
    """Return what is kept of a PIN."""
    return hashlib.pbkdf2_hmac("sha256", pin.encode(), salt, HASH_ROUNDS)
