"""A sweep rehearses a plan once a value, goes on when one is caught, and compares them."""

import subprocess
import sys

import pytest

from plans import STRATEGIES, PlanError
from rehearsal.sweep import values_of

SMALL = (
    "event.students=120",
    "event.tickets=30",
    "schedule.lead=1s",
    "schedule.sale=4s",
    "students.typing=100ms",
    "students.late_mean=300ms",
    "students.login_at_open=500ms",
    "students.qr_delay=100ms",
    "students.ticket_poll=100ms",
    "students.click_spread=50ms",
    "gates=[]",
    "generator.max_late_start=1m",
    "generator.max_release_skew=1m",
)


def test_written_values_are_taken_as_they_are():
    assert values_of("app.workers=1, 2,4") == ("app.workers", ["1", "2", "4"])


def test_a_key_with_a_fixed_set_of_values_has_all_of_them():
    assert values_of("app.allocation") == ("app.allocation", list(STRATEGIES))


@pytest.mark.parametrize(
    ("over", "sentence"),
    [
        ("app.workers", "write the values too, as app.workers=a,b"),
        ("app.workerz", "the plan has no key app.workerz"),
        ("event", "write the values too"),
    ],
)
def test_other_keys_need_their_values(over, sentence):
    with pytest.raises(PlanError, match=sentence):
        values_of(over)


def test_every_value_is_rehearsed_and_compared_even_when_one_is_wrong(tmp_path):
    settings = [word for text in SMALL for word in ("--set", text)]
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal", "sweep", "smoke", *settings]
        + ["--over", "app.allocation=naive,atomic_update", "--out", tmp_path / "runs"]
        + ["--table", tmp_path / "table.md", "--figure", tmp_path / "figure.svg"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((tmp_path / "runs").iterdir())) == 2
    table = (tmp_path / "table.md").read_text()
    naive, atomic = [
        line for line in table.splitlines() if line.startswith(("| naive", "| atomic"))
    ]
    assert "fail" in naive
    assert "pass" in atomic
    assert naive in done.stdout
    assert (tmp_path / "figure.svg").read_text().startswith("<?xml")


def test_a_value_the_plan_does_not_allow_stops_it_before_anything_starts(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal", "sweep", "smoke", "--over", "app.workers=2,none"]
        + ["--out", tmp_path / "runs"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "--set app.workers=none" in done.stderr
    assert not (tmp_path / "runs").exists()
