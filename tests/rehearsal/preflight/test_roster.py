"""A plan names its people: `event.roster`, a file beside it, wherever it is rehearsed from."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dress_rehearsal.plans import plan_toml, read_plan
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.preflight.checks import people_of

SECRET = "q7Hd-4711-SENTINEL-Zm9vYmFy"
PLAN = """
name = "shop"
event = {{ students = 2, tickets = 1{roster} }}
[target]
stage = "external"
url = "http://127.0.0.1:9"
opening.already = true
"""
PEOPLE = f"student,pin,enrolled\nann,{SECRET},1\nbob,2,0\n"


@pytest.fixture
def plan_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write a plan in a folder of its own; what is started, is started elsewhere."""
    (tmp_path / "plans").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    def make(roster: str) -> Path:
        path = tmp_path / "plans" / "shop.toml"
        path.write_text(PLAN.format(roster=roster), encoding="utf-8")
        return path

    return make


@pytest.mark.parametrize("roster", ["people.csv", "{folder}/people.csv"], ids=["beside", "whole"])
def test_the_people_of_a_plan_are_found_beside_it(
    roster: str, plan_of: Callable[[str], Path]
) -> None:
    path = plan_of("")
    path.with_name("people.csv").write_text(PEOPLE)
    path = plan_of(f', roster = "{roster.format(folder=path.parent)}"')
    plan = read_plan(path)
    assert plan.event.roster == str(path.with_name("people.csv"))
    assert [each.student for each in people_of(plan, None)] == ["ann", "bob"]
    resolved = path.with_name("resolved.toml")
    resolved.write_text(plan_toml(plan))
    assert read_plan(resolved) == plan


def test_the_option_goes_before_the_plan(plan_of: Callable[[str], Path], tmp_path: Path) -> None:
    plan = read_plan(plan_of(', roster = "people.csv"'))
    (tmp_path / "others.csv").write_text(PEOPLE.replace("ann", "eve"))
    assert people_of(plan, tmp_path / "others.csv")[0].student == "eve"


@pytest.mark.parametrize(
    ("roster", "content", "sentence"),
    [
        ("", None, "give their credentials with --roster FILE"),
        (', roster = "people.csv"', None, "event.roster names no file: give the path of a CSV"),
        (f', roster = "{SECRET}.csv"', None, "event.roster names no file"),
        (', roster = "."', None, "event.roster names no file"),
        (', roster = "people.csv"', PEOPLE[:-8], "holds 1 person and the plan has 2 students"),
        (', roster = "people.csv"', "name,pin\na,1\n", "there is no column student"),
        (', roster = "people.csv"', f"{PEOPLE}cy,,1\n", "line 4: no PIN"),
        (', roster = "people.csv"', f"{PEOPLE}ann,{SECRET},1\n", "whom an earlier line names too"),
        (", roster = 7", None, "event.roster = 7: expected a valid string"),
    ],
)
def test_people_who_cannot_act_are_refused_with_2_and_no_secret(
    roster: str,
    content: str | None,
    sentence: str,
    plan_of: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = plan_of(roster)
    if content is not None:
        path.with_name("people.csv").write_text(content)
    assert main(["plan", "check", str(path)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert sentence in said
    assert SECRET not in said


def test_a_plan_that_names_its_people_needs_no_option(
    plan_of: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = plan_of(', roster = "people.csv"')
    path.with_name("people.csv").write_text(PEOPLE)
    assert main(["plan", "check", str(path)]) == 0
    assert "drawn from the seed" not in capsys.readouterr().out
