"""Constraints and faults: what a fault takes away is back once it is over, or why not is said."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest

from dress_rehearsal.compose.target import ANSWER_S
from dress_rehearsal.target_app.faults import FAULTS, FAULTS_KEY
from dress_rehearsal.target_app.routes.faults import LATEST_S
from dress_rehearsal.target_app.stores.constraints import CONSTRAINTS
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

Start = Callable[..., Any]
ALL = {*CONSTRAINTS, "entries_pkey"}
TAKEN = {
    "unique_off": set(CONSTRAINTS),
    "duplicate_check_before_lock": set(CONSTRAINTS),
    "redelivery": set(CONSTRAINTS),
    "qr_replay": {"entries_pkey"},
}


@pytest.fixture
def start(start_app: Start, redis_server: Any) -> Iterator[Start]:
    """Start an app with faults; its rows are gone, and its constraints back, afterwards."""
    apps = []

    def begin(allocation: str = "atomic_update", **changes: object) -> Any:
        apps.append(start_app(allocation, APP_FAULTS="on", **changes))
        return apps[-1]

    yield begin
    for number in (0, 1):
        with redis_server.client(number) as redis:
            redis.delete(FAULTS_KEY)
    FAULTS.set_all({})
    for app in apps:
        for table in ("tickets", "entries"):
            run(app, f"DELETE FROM {table} WHERE event = $1", app.stage.event)
        app.stage.prepare()


def run(app: Any, statement: str, *args: Any) -> list[Any]:
    return list(app.stage.postgres.run(statement, *args, database=app.stage.database))


def constraints(app: Any) -> set[str]:
    rows = run(app, "SELECT conname FROM pg_constraint WHERE conname = ANY($1)", sorted(ALL))
    return {row["conname"] for row in rows}


def switch(app: Any, fault: str, grade: float, **headers: str) -> httpx.Response:
    answer: httpx.Response = app.http.put(
        f"/admin/faults/{fault}",
        json={"grade": grade},
        headers={"Authorization": f"Bearer {app.stage.settings.admin_token.get_secret_value()}"}
        | headers,
    )
    return answer


def sell(app: Any, count: int, student: str | None = None) -> None:
    """So many tickets as rows, all of one student where one is named."""
    run(
        app,
        "INSERT INTO tickets (ticket, event, student, number, granted_ns, idempotency)"
        " SELECT $1 || ' ' || number, $1, coalesce($2, number::text), number, 1, 'i'"
        " FROM generate_series(1, $3) AS number",
        app.stage.event,
        student,
        count,
    )


@pytest.mark.parametrize("fault", TAKEN)
def test_constraints_are_back_when_the_fault_is_over(start: Start, fault: str) -> None:
    app = start()
    assert switch(app, fault, 1).status_code == 200
    assert constraints(app) == ALL - TAKEN[fault]
    assert switch(app, fault, 0).json() == {"fault": fault, "grade": 0}
    assert constraints(app) == ALL
    assert switch(app, fault, 0).status_code == 200, "again at will"


def test_after_unique_off_double_clicks_get_one_ticket_each(start: Start) -> None:
    app = start()
    for grade in (1, 0):
        switch(app, "unique_off", grade)
    app.rush([(app.login(index), f"key {again}") for index in range(4) for again in range(5)])
    students = [row["student"] for row in app.stage.rows()]
    assert sorted(students) == sorted({*students})
    assert len(students) == 4


def test_constraints_stay_away_while_another_fault_wants_them_to(start: Start) -> None:
    app = start()
    switch(app, "unique_off", 1)
    switch(app, "duplicate_check_before_lock", 0.1)
    switch(app, "qr_replay", 1)
    assert switch(app, "unique_off", 0).status_code == 200
    assert constraints(app) == set()
    switch(app, "duplicate_check_before_lock", 0)
    assert constraints(app) == set(CONSTRAINTS)
    switch(app, "qr_replay", 0)
    assert constraints(app) == ALL


def test_a_fault_that_left_doubled_rows_is_off_but_refuses_to_be_called_over(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    app = start()
    student = app.stage.roster[0].student
    switch(app, "unique_off", 1)
    sell(app, 2, student)
    answer = switch(app, "unique_off", 0)
    assert answer.status_code == 409
    assert answer.json()["code"] == "guards_missing"
    detail = answer.json()["detail"]
    assert detail.startswith("unique_off is switched off, but not over: ")
    assert "table tickets cannot have tickets_one_a_student back" in detail
    assert FAULTS.grade("unique_off") == 0
    assert constraints(app) == ALL - {"tickets_one_a_student"}
    assert student not in answer.text + caplog.text
    (record,) = [each for each in caplog.records if each.message == "fault off but not over"]
    assert vars(record)["missing_guards"] == ("tickets_one_a_student",)
    run(app, "DELETE FROM tickets WHERE event = $1", app.stage.event)
    assert switch(app, "unique_off", 0).status_code == 200
    assert constraints(app) == ALL


def test_a_code_that_admitted_twice_keeps_qr_replay_from_being_over(start: Start) -> None:
    app = start()
    switch(app, "qr_replay", 1)
    for gate in ("north", "south"):
        run(
            app,
            "INSERT INTO entries (ticket, event, gate) VALUES ('t', $1, $2)",
            app.stage.event,
            gate,
        )
    answer = switch(app, "qr_replay", 0)
    assert answer.status_code == 409
    assert "table entries cannot have entries_pkey back" in answer.json()["detail"]


def test_naive_never_gets_constraints(start: Start) -> None:
    app = start("naive")
    before = constraints(app)
    assert not before & set(CONSTRAINTS)
    for grade in (1, 0):
        assert switch(app, "unique_off", grade).status_code == 200
    assert constraints(app) == before


def test_putting_constraints_back_on_a_whole_sale_is_quick(start: Start) -> None:
    app = start()
    switch(app, "unique_off", 1)
    sell(app, 12_000)
    answer = switch(app, "unique_off", 0)
    assert answer.status_code == 200
    print(f"constraints put back on 12,000 rows in {answer.elapsed.total_seconds():.3f} s")
    assert answer.elapsed.total_seconds() < 2, "usually a tenth of a second"
    assert constraints(app) == ALL


def test_a_table_in_use_is_not_waited_for_long_and_the_fault_is_off_all_the_same(
    start: Start,
) -> None:
    app = start()
    switch(app, "unique_off", 1)
    with psycopg.connect(app.stage.settings.database_dsn) as reader:
        reader.execute("SELECT count(*) FROM tickets")
        answer = switch(app, "unique_off", 0)
        assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
        assert answer.elapsed.total_seconds() < 2
        assert FAULTS.grade("unique_off") == 0
    assert switch(app, "unique_off", 0).status_code == 200
    assert constraints(app) == ALL


def calls(kind: str, name: str, result: str = "success") -> float:
    labels = {"kind": kind, "name": name, "result": result}
    return REGISTRY.get_sample_value("boundary_calls_total", labels) or 0.0


def test_switching_is_counted_as_calls_to_the_stores(
    start: Start, eventually: Callable[..., Any]
) -> None:
    app = start()
    errands = [
        ("redis", "set_fault"),
        ("redis", "read_faults"),
        ("postgres", "take_guards_away"),
        ("postgres", "put_guards_back"),
    ]
    before = [calls(*work) for work in errands]
    for grade in (1, 0):
        switch(app, "unique_off", grade)
    grown = [calls(*work) - then for work, then in zip(errands, before, strict=True)]
    assert grown[0] == 2
    assert grown[1] >= 3
    assert grown[2:] == [1, 1]
    failed = calls("redis", "read_faults", "failure")
    app.stage.redis.stop()
    try:
        eventually(lambda: calls("redis", "read_faults", "failure") > failed)
    finally:
        app.stage.redis.start()
    eventually(lambda: app.http.get("/readyz").status_code == 200)


@pytest.mark.parametrize(("sent_s_ago", "status"), [(LATEST_S + 0.5, 503), (0.0, 200)])
def test_a_switch_that_nobody_waits_for_any_more_is_left_as_it_is(
    start: Start, sent_s_ago: float, status: int
) -> None:
    """As a worker finds it that was stopped when it was sent: another one answered since."""
    assert LATEST_S <= ANSWER_S, "whoever asks would wait for what is not done"
    app = start()
    sent_ns = time.time_ns() - round(sent_s_ago * 1e9)
    answer = switch(app, "unique_off", 1, **{"X-Request-Start": f"t={sent_ns}"})
    assert answer.status_code == status
    assert constraints(app) == (ALL if status == 503 else ALL - TAKEN["unique_off"])
    assert (FAULTS.grade("unique_off") > 0) == (status == 200)
