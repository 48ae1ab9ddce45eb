"""SIGTERM in the middle of a sale: what is in flight is answered, and nothing acknowledged lost."""

import asyncio
import json
import signal
import threading
from contextlib import suppress
from typing import Any

import httpx
import pytest

from tests.target_app.app_with_patience import PATIENCE
from tests.target_app.apps import ADMIN_TOKEN

STUDENTS = 110
FIRST = 80  # who have sent their request when the signal comes


class Purchase:
    """One student's purchase over a connection of its own that was open before the sale."""

    def __init__(self, app: Any, index: int) -> None:
        self._app = app
        self._headers = {**app.login(index), "Idempotency-Key": "key"}
        self.ticket: str | None = None
        self.outcome = "unsent"

    async def connect(self) -> None:
        host, port = self._app.url.removeprefix("http://").split(":")
        self._reader, self._writer = await asyncio.open_connection(host, int(port))

    async def buy(self) -> None:
        lines = [
            f"POST {self._app.path}/tickets HTTP/1.1",
            "Host: test",
            "Content-Length: 0",
            *(f"{name}: {value}" for name, value in self._headers.items()),
        ]
        try:
            self._writer.write("\r\n".join([*lines, "", ""]).encode())
            head = await self._reader.readuntil(b"\r\n\r\n")
            fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
            body = await self._reader.readexactly(int(fields[b"content-length"]))
        except (OSError, asyncio.IncompleteReadError):
            self.outcome = "cut"
            return
        finally:
            self._writer.close()
        self.outcome = head.split()[1].decode()
        if self.outcome in ("201", "202"):
            self.ticket = json.loads(body)["ticket"]


@pytest.fixture(params=["redis_writeback", "row_lock"])
def sale(
    request: pytest.FixtureRequest, make_stage: Any, spawn: Any, connect_app: Any, eventually: Any
) -> tuple[Any, Any, Any]:
    """The service in earnest, with two workers and the write-back where there is one."""
    stage = make_stage(request.param, APP_WORKERS=2, APP_TICKETS=STUDENTS)
    stage.prepare()
    stage.environment[PATIENCE] = "120"  # how long answering takes, the machine decides
    child = spawn("tests.target_app.app_with_patience", stage)
    writer = None
    if request.param == "redis_writeback":
        writer = spawn("dress_rehearsal.target_app.writeback.__main__", stage)
        eventually(lambda: writer.said("write-back open"))
    return connect_app(stage), child, writer


def test_what_is_in_flight_is_answered_and_what_was_acknowledged_is_there(sale: Any) -> None:
    app, child, writer = sale
    purchases = [Purchase(app, index) for index in range(STUDENTS)]
    first, late = purchases[:FIRST], purchases[FIRST:]

    async def rush() -> None:
        await asyncio.gather(*(purchase.connect() for purchase in purchases))
        buying = [asyncio.create_task(purchase.buy()) for purchase in first]
        answered = asyncio.Semaphore(0)
        for task in buying:
            task.add_done_callback(lambda _: answered.release())
        # By then a worker has read each of them: one still unread in its socket is not in flight.
        for _ in range(FIRST // 2):
            await answered.acquire()
        child.process.send_signal(signal.SIGTERM)
        in_flight = [purchase for purchase in first if purchase.outcome == "unsent"]
        assert in_flight
        async with asyncio.timeout(60):
            while await ready(app) != "refused":
                pass
        await asyncio.gather(*buying, *(purchase.buy() for purchase in late))

    asyncio.run(rush())
    assert child.wait() == 0
    assert {purchase.outcome for purchase in first} <= {"201", "202"}
    assert {purchase.outcome for purchase in late} <= {"201", "202", "cut"}
    assert writer is None or writer.stop(signal.SIGTERM) == 0
    lines = [json.loads(line) for each in (child, writer) if each for line in each.lines]
    assert [line for line in lines if line["level"] == "error"] == []
    rows = app.stage.rows()
    acknowledged = {purchase.ticket for purchase in purchases if purchase.ticket}
    assert {row["ticket"] for row in rows} >= acknowledged
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    if writer is not None:
        with app.stage.client() as redis:
            assert redis.hlen(f"event:{app.stage.event}:holders") == len(rows)
            assert redis.scard(f"event:{app.stage.event}:issued") == len(rows)


@pytest.mark.parametrize(("takes_s", "patience_s", "exit_code"), [(0.5, 120, 0), (8.0, 1, 1)])
def test_only_a_worker_that_finished_by_itself_ended_well(
    make_stage: Any,
    spawn: Any,
    connect_app: Any,
    eventually: Any,
    takes_s: float,
    patience_s: int,
    exit_code: int,
) -> None:
    stage = make_stage("atomic_update", APP_FAULTS="on")
    stage.prepare()
    stage.environment[PATIENCE] = str(patience_s)
    child = spawn("tests.target_app.app_with_patience", stage)
    app = connect_app(stage)
    bearer = app.login(0)
    with stage.client() as redis:
        redis.hset("faults", "slow_database", takes_s)
        try:
            admin = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
            seen = app.http.get("/admin/faults", headers=admin).json()  # has the worker look
            assert seen["faults"]["slow_database"] == takes_s
            answers: list[Any] = []

            def buy() -> None:
                with suppress(httpx.TransportError):
                    answers.append(app.buy(bearer).status_code)

            buying = threading.Thread(target=buy)
            buying.start()
            eventually(lambda: sleeps_in_postgres(stage))  # its transaction has begun
            assert child.stop(signal.SIGTERM) == exit_code
            buying.join()
        finally:
            redis.delete("faults")
    assert answers == ([201] if exit_code == 0 else [])
    errors = [json.loads(line) for line in child.lines if '"level":"error"' in line]
    told = [error["message"] for error in errors]
    assert told == exit_code * [
        "1 of the workers did not finish within 1 s and had to be killed; what they were "
        "answering was cut off"
    ]


def sleeps_in_postgres(stage: Any) -> bool:
    statement = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    return bool(stage.postgres.run(statement))


async def ready(app: Any) -> str:
    """What a load balancer finds that asks over a new connection."""
    host, port = app.url.removeprefix("http://").split(":")
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n")
        line = await reader.readline()
        writer.close()
    except OSError:
        return "refused"
    return line.split()[1].decode() if line else "refused"
