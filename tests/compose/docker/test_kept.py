"""The plan that rehearses a kept stage: the command that `rehearse stage up` prints runs it."""

from pathlib import Path

import pytest

from dress_rehearsal.compose.docker.kept import from_outside
from dress_rehearsal.plans import read_plan, seeded_people, write_roster
from dress_rehearsal.rehearsal.preflight.checks import check_usage

FAULT = 'faults=[{name="pause", service="postgres", at="T+1s"}]'


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["app.workers=4"],
        ["app.allocation=kafka_writeback", "app.writeback_workers=2"],
        ["postgres.max_connections=300", "stage.limits.app=t2.micro", FAULT],
    ],
)
def test_the_plan_of_a_kept_stage_can_be_rehearsed(
    overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REHEARSE_ADMIN_TOKEN", "opens-it")
    plan = read_plan(Path("smoke"), ["target.stage=docker", *overrides])
    people = seeded_people(plan)
    write_roster(tmp_path / "roster.csv", people)
    file = tmp_path / "smoke.toml"
    file.write_text(from_outside(plan, "http://172.18.0.9:8080", tmp_path / "roster.csv"))
    kept = read_plan(file)
    assert check_usage(kept, tmp_path / "runs", performed=True) == people
    assert kept.target.url == "http://172.18.0.9:8080"


def test_how_students_are_let_in_stays(tmp_path: Path) -> None:
    room = ["app.waiting_room=poll", "app.admission_rate=77", "app.admission_cap=99"]
    plan = read_plan(Path("smoke"), ["target.stage=docker", *room])
    file = tmp_path / "smoke.toml"
    file.write_text(from_outside(plan, "http://172.18.0.9:8080", tmp_path / "roster.csv"))
    app = read_plan(file).app
    assert (app.waiting_room, app.admission_rate, app.admission_cap) == ("poll", 77, 99)
