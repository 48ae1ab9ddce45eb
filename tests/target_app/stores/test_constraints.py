"""The constraints of the tickets table: added where missing, dropped where asked, again at will."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from dress_rehearsal.target_app.stores.constraints import (
    CONSTRAINTS,
    ConstraintsContradictedError,
    drop_constraints,
    ensure_constraints,
)
from tests.target_app.children import REPOSITORY

Start = Callable[..., Any]


def test_constraints_are_dropped_and_added_again_any_number_of_times(start_app: Start) -> None:
    app = start_app("atomic_update")
    bearer = app.login(0)

    async def swing() -> list[set[str]]:
        connection = await asyncpg.connect(app.stage.settings.database_dsn)
        seen = []
        try:
            for step in (
                drop_constraints,
                drop_constraints,
                ensure_constraints,
                ensure_constraints,
            ):
                await step(connection)
                rows = await connection.fetch(
                    "SELECT conname FROM pg_constraint "
                    "WHERE conrelid = 'tickets'::regclass AND contype IN ('p', 'u')"
                )
                seen.append({row["conname"] for row in rows})
        finally:
            await connection.close()
        return seen

    assert asyncio.run(swing()) == [set(), set(), set(CONSTRAINTS), set(CONSTRAINTS)]
    assert app.buy(bearer).status_code == 201


@pytest.fixture
def doubled(make_stage: Start) -> Any:
    """A stage whose tickets table holds two tickets of one student, and no constraint."""
    stage = make_stage("atomic_update")
    stage.prepare()
    stage.change_constraints = lambda change: asyncio.run(_changed(stage, change))
    stage.change_constraints(drop_constraints)
    stage.postgres.run(
        "INSERT INTO tickets (ticket, event, student, number, granted_ns, idempotency)"
        " SELECT 'ticket ' || number, $1, $2, number, 1, 'i' FROM generate_series(1, 2) AS number",
        stage.event,
        stage.roster[0].student,
    )
    yield stage
    stage.postgres.run("DELETE FROM tickets WHERE event = $1", stage.event)
    stage.prepare()


async def _changed(stage: Any, change: Callable[[Any], Any]) -> set[str]:
    connection = await asyncpg.connect(stage.settings.database_dsn)
    try:
        try:
            await change(connection)
        finally:
            rows = await connection.fetch(
                "SELECT conname FROM pg_constraint WHERE conrelid = 'tickets'::regclass "
                "AND contype IN ('p', 'u')"
            )
    finally:
        await connection.close()
    return {row["conname"] for row in rows}


def test_what_rows_contradict_is_named_without_them_and_the_rest_is_there(doubled: Any) -> None:
    with pytest.raises(ConstraintsContradictedError) as caught:
        doubled.change_constraints(ensure_constraints)
    told = str(caught.value)
    assert caught.value.constraints == ("tickets_one_a_student",)
    assert "table tickets cannot have tickets_one_a_student back" in told
    assert "delete the rows that are too many" in told
    assert doubled.roster[0].student not in told
    rows = doubled.postgres.run(
        "SELECT conname FROM pg_constraint WHERE conname = ANY($1)", list(CONSTRAINTS)
    )
    assert {row["conname"] for row in rows} == set(CONSTRAINTS) - {"tickets_one_a_student"}


def test_preparing_over_what_a_fault_left_says_what_to_do_and_nobody_s_number(doubled: Any) -> None:
    prepared = subprocess.run(
        [sys.executable, "-m", "dress_rehearsal.target_app.prepare"],
        cwd=REPOSITORY,
        env=doubled.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert prepared.returncode == 1, prepared
    assert doubled.roster[0].student not in prepared.stdout + prepared.stderr
    (line,) = [json.loads(each) for each in prepared.stdout.splitlines()]
    assert "tickets_one_a_student" in line["message"]
    assert "or begin with an empty database" in line["message"]
