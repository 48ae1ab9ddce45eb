"""A scenario that cannot be imported is refused before the app is started or reset for it."""

import sys
from pathlib import Path

import pytest

from dress_rehearsal.plans import read_plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.preflight.trial import check_importable

BUYER = "from dress_rehearsal.scenarios import Buyer\nclass C(Buyer):\n    def buy(self): pass\n"
LOCUST = "from locust import User, task\nclass U(User):\n    @task\n    def t(self): pass\n"
TARGET = """
[target]
stage = "external"
url = "http://127.0.0.1:9"
command = ["{python}", "-c", "open('started', 'w')"]
opening.already = true
"""
STUDENTS = "event = { students = 1, tickets = 1 }\n"
LOAD = 'load.run_time = "1s"\n'


def plan_of(folder: Path, scenario: str, more: str) -> Path:
    (folder / "shop.py").write_text(scenario)
    target = TARGET.format(python=sys.executable)
    path = folder / "shop.toml"
    path.write_text(f'name = "shop"\nscenario.file = "shop.py"\n{more}{target}')
    return path


@pytest.mark.parametrize(
    ("scenario", "more", "sentence"),
    [
        (f"{BUYER}import not_there_at_all\n", STUDENTS, "shop.py, line 4 cannot be loaded: Module"),
        (f"{LOCUST}import not_there_at_all\n", LOAD, "needs the package not_there_at_all, which"),
    ],
    ids=["buyers", "locustfile"],
)
def test_an_import_that_fails_is_found_before_the_app_is_started(
    scenario: str,
    more: str,
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = plan_of(tmp_path, scenario, more)
    runs = tmp_path / "runs"
    assert main(["run", str(plan), "--no-prometheus", "--out", str(runs)]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "started").exists()
    assert list(runs.iterdir()) == []


ASKING = "import requests\ntry:\n    requests.get('http://127.0.0.1:9')\nfinally:\n    seen = 1\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "more"),
    [(BUYER, STUDENTS), (f"{ASKING}{BUYER}", STUDENTS), (f"print('hello')\n{LOCUST}", LOAD)],
    ids=["buyers", "one that asks an app that is not up yet", "locustfile"],
)
def test_one_that_can_be_imported_is_held_against_nobody(
    scenario: str, more: str, tmp_path: Path
) -> None:
    plan = read_plan(plan_of(tmp_path, scenario, more))
    run = RunDirectory.create(tmp_path / "runs", plan)
    check_importable(plan, run)
    assert list(run.logs.iterdir()) == []
