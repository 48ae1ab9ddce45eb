"""The options of a plain Locust file come to a plan; what cannot be carried out is refused."""

import argparse
from pathlib import Path

import pytest

from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.commands.locustfile import load_plan
from dress_rehearsal.rehearsal.commands.run import add

HERE = "http://127.0.0.1:8000"


@pytest.fixture
def planned(tmp_path: Path):
    """Return the plan that a file and its options come to."""

    def plan(text: str, *options: str):
        path = tmp_path / "Shop_load.py"
        path.write_text(text, encoding="utf-8")
        parser = argparse.ArgumentParser()
        add(parser)
        return load_plan(parser.parse_args([str(path), *options]), [])

    return plan


def test_every_option_has_its_key(planned):
    plan = planned(
        "",
        *("--host", HERE, "-u", "50", "-r", "2.5", "-t", "1h30m5s"),
        *("--tags", "a", "b", "--exclude-tags", "c", "--allow", "staging.example"),
    )
    assert (plan.name, plan.target.url) == ("shop-load", HERE)
    assert plan.target.allow == ("staging.example",)
    load = plan.load
    assert load is not None
    assert (load.users, load.spawn_rate, load.run_time) == (50, 2.5, 5405.0)
    assert (load.tags, load.exclude_tags) == (("a", "b"), ("c",))


@pytest.mark.parametrize("written", ["30", "30s"])
def test_a_time_without_a_unit_is_in_seconds(planned, written):
    assert planned("", "--host", HERE, "-t", written).load.run_time == 30


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (f"class A:\n    host = '{HERE}'\nclass B:\n    host = '{HERE}'\n", HERE),
        ("class A:\n    host = 'localhost:50051'\n", "http://localhost:50051"),
    ],
)
def test_without_a_host_the_one_of_the_classes_is_taken(planned, text, url):
    assert planned(text).target.url == url


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("", (), "names no host"),
        ("class A:\n    host = 'a'\nclass B:\n    host = 'b'\n", (), "has several hosts"),
        ("", ("--host", HERE, "--processes", "2"), "one rehearsal has one generator so far"),
        ("", ("--host", HERE, "--students", "5"), "--users says how many"),
        ("", ("--host", HERE, "--users", "many"), "--users"),
        ("", ("--host", HERE, "--run-time", "soon"), "expected a duration"),
        ("import locust\n", ("--host", "http://shop.example"), "target.allow does not name it;"),
        ("from dress_rehearsal.scenarios import Buyer\n", ("--host", HERE), "who need a plan"),
        ("class (:\n", ("--host", HERE), "line 1 is not Python"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(tmp_path, capsys, text, options, sentence):
    path = tmp_path / "locustfile.py"
    path.write_text(text, encoding="utf-8")
    assert main(["run", str(path), *options, "--out", str(tmp_path / "runs")]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "runs").exists()


def test_a_plans_own_load_is_not_said_twice(capsys):
    assert main(["run", "smoke", "--users", "5"]) == 2
    assert "a plan says load.users itself" in " ".join(capsys.readouterr().err.split())
