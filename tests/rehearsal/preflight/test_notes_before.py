"""What is told before a plan is performed, though nothing is wrong with it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dress_rehearsal.plans import Plan, PlanError, read_plan
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.preflight.checks import check_plan_usable, notes_before

USERS = (
    "from locust import HttpUser, task\nclass Shopper(HttpUser):\n    @task\n    def go(self):\n"
)
USERS += "        self.client.get('/')\n"
SHAPE = "from locust import LoadTestShape\nclass Shape(LoadTestShape):\n    def tick(self):\n"
SHAPE += "        return None\n"


@pytest.fixture
def load_of(tmp_path: Path) -> Callable[..., Plan]:
    """Return the plan of a Locust file: `load_of(users=50, run_time="30s")`."""

    def build(text: str = USERS, **load: object) -> Plan:
        path = tmp_path / "locustfile.py"
        path.write_text(text, encoding="utf-8")
        target = {"stage": "external", "url": "http://127.0.0.1:9"}
        document = {"name": "load", "scenario": {"file": str(path)}, "target": target, "load": load}
        return Plan.model_validate(document)

    return build


def test_users_who_will_never_have_started_are_told_before(load_of: Callable[..., Plan]) -> None:
    (note,) = notes_before(load_of(users=50, run_time="30s"))
    assert note == (
        "Of 50 users at most 30 will have started: 1 a second is begun, for 30s. Begin them faster "
        "(--spawn-rate 50, or load.spawn_rate), or give more time (--run-time, or load.run_time)."
    )
    (note,) = notes_before(load_of(users=50, spawn_rate=1.5, run_time="10s"))
    assert note.startswith("Of 50 users at most 15 will have started: 1.5 a second are begun")


@pytest.mark.parametrize(
    "load",
    [
        {"users": 50, "spawn_rate": 50, "run_time": "30s"},
        {"users": 30, "run_time": "30s"},
        {"run_time": "1s"},
        {"text": USERS + SHAPE, "users": 50, "run_time": "30s"},
    ],
    ids=["fast enough", "just", "one", "a shape has the last word"],
)
def test_where_all_can_start_nothing_is_said(
    load_of: Callable[..., Plan], load: dict[str, object]
) -> None:
    assert notes_before(load_of(**load)) == []
    assert notes_before(read_plan(Path("festival"))) == []


def test_a_dry_run_says_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "locustfile.py"
    path.write_text(USERS, encoding="utf-8")
    load = ["--host", "http://127.0.0.1:9", "--users", "50", "--run-time", "30s"]
    assert main(["run", str(path), *load, "--dry-run", "--out", str(tmp_path / "runs")]) == 0
    assert "Of 50 users at most 30 will have started" in capsys.readouterr().out


@pytest.mark.parametrize("after", ["85.5s", "2m"])
def test_a_limit_that_nothing_can_pass_for_so_long_is_refused(after: str) -> None:
    plan = read_plan(
        Path("smoke"), ["schedule.lead=40s", "abort.errors=5%", f"abort.after={after}"]
    )
    with pytest.raises(PlanError, match=r"is longer than all of the rush, .* would ever stop it"):
        check_plan_usable(plan)


def test_of_users_it_is_their_time_that_is_too_short(load_of: Callable[..., Plan]) -> None:
    plan = load_of(users=5, spawn_rate=5, run_time="30s")
    limits = {"latency": "1s", "after": "41s"}
    short = Plan.model_validate({**plan.model_dump(mode="json"), "abort": limits})
    with pytest.raises(PlanError, match=r"of the rush, 40s \(load.run_time and the drain\)"):
        check_plan_usable(short)


@pytest.mark.parametrize("more", [[], ["abort.errors=5%"], ["abort.errors=5%", "abort.after=60s"]])
def test_a_limit_that_can_be_passed_is_not_refused(more: list[str]) -> None:
    check_plan_usable(read_plan(Path("festival"), more))
