"""Preparing: schema, roster and event, again at will, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.target_app import prepare
from dress_rehearsal.target_app.errors import RosterError
from dress_rehearsal.target_app.roster import read_roster

MakeStage = Callable[..., Any]


def constraints(stage: Any) -> set[str]:
    rows = stage.postgres.run(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'tickets'::regclass "
        "AND contype IN ('p', 'u')",
        database=stage.database,
    )
    return {row["conname"] for row in rows}


def test_the_roster_is_loaded_into_both_stores_without_a_single_pin(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.prepare()
    stage.prepare()
    rows = stage.postgres.run("SELECT * FROM students ORDER BY position")
    assert [row["student"] for row in rows] == [entry.student for entry in stage.roster]
    with stage.client() as redis:
        assert redis.hlen("roster:pins") == len(stage.roster)
        assert redis.scard(f"event:{stage.event}:enrolled") == 120
        everything = repr(redis.hgetall("roster:pins")) + repr(rows)
    assert not any(f"'{entry.pin}'" in everything for entry in stage.roster)


def test_every_allocation_but_naive_has_its_tickets_guarded(make_stage: MakeStage) -> None:
    sound, naive = make_stage("atomic_update"), make_stage("naive")
    sound.prepare()
    naive.prepare()
    assert constraints(sound) == {"tickets_pkey", "tickets_one_a_student", "tickets_one_a_number"}
    assert constraints(naive) == set()
    naive.environment["APP_ALLOCATION"] = "atomic_update"  # the same database, made sound and back
    naive.environment["APP_EVENT"] = "constraint_switch"
    naive.postgres.run("DELETE FROM tickets", database="naive")
    naive.environment["APP_DATABASE_DSN"] = naive.postgres.dsn("naive")
    naive.prepare()
    back = make_stage("naive")
    assert constraints(back) == constraints(sound)
    back.prepare()
    assert constraints(back) == set()


def test_preparing_again_keeps_what_was_sold(start_app: Callable[..., Any]) -> None:
    app = start_app("redis_writeback", APP_TICKETS=10)
    ticket = app.buy(app.login(0)).json()["ticket"]
    app.stage.environment["APP_TICKETS"] = "1"
    app.stage.prepare()
    assert app.buy(app.login(0)).json()["ticket"] == ticket
    assert app.buy(app.login(1)).json()["code"] == "sold_out"


def test_holders_that_redis_lost_are_put_back_from_postgresql(
    start_app: Callable[..., Any],
) -> None:
    app = start_app("atomic_update", APP_TICKETS=2)
    ticket = app.buy(app.login(0)).json()["ticket"]
    app.stage.environment["APP_ALLOCATION"] = "redis_writeback"
    app.stage.prepare()
    with app.stage.client() as redis:
        held = json.loads(
            redis.hget(f"event:{app.stage.event}:holders", app.stage.roster[0].student)
        )
        assert (held["ticket"], held["number"]) == (ticket, 1)
        assert redis.hget(f"event:{app.stage.event}", "granted") == b"1"
        assert redis.sismember(f"event:{app.stage.event}:issued", ticket)


def test_too_many_connections_are_warned_of(
    make_stage: MakeStage, caplog: pytest.LogCaptureFixture
) -> None:
    stage = make_stage(APP_WORKERS=20, APP_POSTGRES_POOL=50)
    stage.prepare()
    assert "20 workers with 50 connections each want 1000 of PostgreSQL's 100" in caplog.text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "the first line must be student,pin,enrolled"),
        ("a,b,c\n", "the first line must be student,pin,enrolled"),
        ("student,pin,enrolled\nanna,1\n", "line 2: expected 3 fields, found 2"),
        ("student,pin,enrolled\nanna,,1\n", "line 2: student and pin must not be empty"),
        ("student,pin,enrolled\nanna,secret9,yes\n", "line 2: enrolled must be 1 or 0"),
        ("student,pin,enrolled\nanna,1,1\nanna,2,0\n", "line 3: this student is listed twice"),
        ("\udcff", "cannot be read as CSV"),
    ],
)
def test_a_roster_that_is_none_is_refused_at_its_line(
    tmp_path: Path, content: str, told: str
) -> None:
    path = tmp_path / "roster.csv"
    path.write_text(content, "utf-8", "surrogateescape")
    with pytest.raises(RosterError, match=told) as caught:
        read_roster(path)
    assert "secret9" not in str(caught.value)
    assert "anna" not in str(caught.value)


def test_roster_rows_do_not_show_themselves(make_stage: MakeStage) -> None:
    assert repr(make_stage().roster[0]) == "Student(…)"


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({}, 0, '"message":"prepared"'),
        ({"APP_PORT": "x"}, 2, "APP_PORT must be a whole number"),
        ({"APP_ROSTER_FILE": ""}, 2, "APP_ROSTER_FILE is not set"),
        ({"APP_ROSTER_FILE": "/nowhere.csv"}, 2, "/nowhere.csv cannot be read"),
        ({"APP_DATABASE_DSN": "postgresql://x@/x?host=/nowhere"}, 1, "could not prepare"),
        ({"APP_REDIS_URL": "unix:///nowhere.sock"}, 1, "could not prepare"),
    ],
)
def test_the_command_says_how_it_went_and_exits_accordingly(
    make_stage: MakeStage,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    changes: dict[str, str],
    code: int,
    told: str,
) -> None:
    for name, value in {**make_stage().environment, **changes}.items():
        monkeypatch.setenv(name, value)
    assert prepare.main() == code
    out, err = capfd.readouterr()
    assert told in out + err
