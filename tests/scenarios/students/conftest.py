"""A scenario of somebody's own, played against a server whose every answer a test decides."""

import textwrap
from pathlib import Path

import pytest

from dress_rehearsal.plans import read_plan, seeded_roster
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.loading import load_buyer
from dress_rehearsal.scenarios.recorder import Recorder
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.timetable import draw_timetable
from tests.scenarios.quick import QUICK

SHOP = """
    from dress_rehearsal.scenarios import Buyer, Granted, Pending, Refused

    class Customer(Buyer):
        def arrive(self):
            self.client.get("/page")

        def log_in(self):
            self.client.get("/csrf")
            self.client.post("/login", data={"who": self.person.student})

        def buy(self):
            answer = self.client.post("/orders")
            match answer.status:
                case 201: return Granted(answer.json()["id"])
                case 202: return Pending(answer.json()["id"])
                case 410: return Refused("sold_out")
                case 425: return Refused("too_early")
                case 418: return Refused("a_teapot")

        def follow_up(self, pending):
            answer = self.client.get(f"/orders/{pending.ticket}", name="GET /orders/{id}")
            return Granted(pending.ticket) if answer.status == 200 else pending

        def enter(self, granted):
            self.client.post("/gate", json={"code": granted.ticket})
"""
THEIRS = QUICK | {
    "schedule.sale": "1s",
    "schedule.drain": "1s",
    "students.multi_device": "0%",
    "students.attempts": 2,
    "target.stage": "external",
}


@pytest.fixture
def played(tmp_path, server, play):
    """Play a scenario; returns outcomes, rows, the run's steps and what went wrong with it."""

    def to_the_end(scenario=SHOP, **overrides):
        file = tmp_path / "shop.py"
        file.write_text(textwrap.dedent(scenario))
        values = THEIRS | {"target.url": server.url, "scenario.file": str(file)}
        values |= {key.replace("__", "."): value for key, value in overrides.items()}
        plan = read_plan(Path("smoke"), [f"{key}={value}" for key, value in values.items()])
        people = seeded_roster(plan.event.students, 0, plan.seed)
        run = RunDirectory.create(tmp_path / "runs", plan)
        buyer = load_buyer(plan)
        recorder = Recorder(run, "test", None, Steps(buyer.steps, claims=buyer.claims))
        rush = Rush(
            run.id,
            plan,
            people,
            draw_timetable(plan, people),
            Origin.of(server.url),
            recorder,
            buyer,
        )
        outcomes, rows = play(rush)
        to_the_end.told = rush.census.table().to_pylist()
        return outcomes, rows, dict(run.steps()), dict(rush.troubles.counts)

    return to_the_end
