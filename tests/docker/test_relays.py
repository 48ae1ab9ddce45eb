"""Latency and packet loss, live: the app's containers meet the relay under the service's name."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest

from dress_rehearsal.compose import DockerStage
from dress_rehearsal.plans import Plan, seeded_roster
from dress_rehearsal.records import RunDirectory
from tests.docker.rehearsing import on_this_machine

pytestmark = pytest.mark.xdist_group("stage")

ASK = """
import asyncio, json, time
from pathlib import Path
import asyncpg

async def main():
    dsn = Path("/run/secrets/app_database_dsn").read_text().strip()
    begun = time.monotonic()
    connection = await asyncpg.connect(dsn)
    connected = time.monotonic() - begun
    trips = []
    for _ in range(20):
        begun = time.monotonic()
        await connection.fetchval("SELECT 1")
        trips.append(time.monotonic() - begun)
    await connection.close()
    print(json.dumps({"connected": connected, "trips": trips[1:]}))

asyncio.run(main())
"""
"""What the app does with its database, timed."""


def plan() -> Plan:
    about_postgres = {"service": "postgres", "at": "T+1s", "lasts": "2s"}
    return Plan.model_validate(
        {
            "name": "far-away",
            "target": {"stage": "docker"},
            "event": {"students": 30, "tickets": 10},
            "app": {"allocation": "row_lock", "workers": 1},
            "faults": [
                {"name": "latency", "grade": "100ms", "jitter": "20ms", **about_postgres},
                {"name": "packet_loss", "grade": "20%", **about_postgres},
                {"name": "latency", "grade": "30ms", "service": "nginx", "at": "T+1s"},
            ],
        }
    )


@pytest.fixture
def stage(
    tmp_path: Path, images: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[DockerStage]:
    for name, value in images.items():
        monkeypatch.setenv(name, value)
    run = RunDirectory.create(tmp_path, plan())
    with DockerStage(plan(), run, seeded_roster(30, 3, seed=1), lambda _: None) as stage:
        name = stage_name(stage)
        yield stage
        assert stage.lost() == []
    assert stage.unclean_stops == []
    assert {one for one in on_this_machine() if name in one} == set()


def asked(stage: DockerStage) -> dict[str, Any]:
    """Return how long the app's container waits for its database."""
    with closing(docker.from_env()) as client:
        app = client.containers.get(f"{stage_name(stage)}-app-1")
        code, said = app.exec_run(["python3", "-c", ASK], demux=False)
    assert code == 0, said.decode()
    answer = json.loads(said)
    assert isinstance(answer, dict)
    return answer


def stage_name(stage: DockerStage) -> str:
    return stage.roster_path.parent.name


def test_what_is_slow_is_slow_for_the_app_and_for_the_students_and_no_longer_than_asked(
    stage: DockerStage,
) -> None:
    faults = {fault.title: fault for fault in plan().faults}
    latency, loss = faults["latency postgres"], faults["packet_loss postgres"]
    assert {"relay-postgres", "relay-nginx"} < set(dict(stage.containers()))
    assert ("relay-postgres", dict(stage.containers())["relay-postgres"]) in stage.components()
    usual = asked(stage)
    stage.strike(latency)
    far = asked(stage)
    stage.relieve(latency)
    again = asked(stage)
    assert min(far["trips"]) >= 0.08
    assert sum(far["trips"]) / len(far["trips"]) >= 0.095
    assert far["connected"] >= 0.2  # a handshake, and what PostgreSQL's own takes
    assert max(min(usual["trips"]), min(again["trips"])) < 0.08

    stage.strike(loss)
    assert max(asked(stage)["trips"]) >= 0.2
    stage.relieve(loss)
    assert min(asked(stage)["trips"]) < 0.08

    front = faults["latency nginx"]
    stage.strike(front)
    begun = time.monotonic()
    httpx.get(f"{stage.url}/readyz").raise_for_status()
    assert time.monotonic() - begun >= 0.06  # the connection, and the request
    stage.relieve(front)
