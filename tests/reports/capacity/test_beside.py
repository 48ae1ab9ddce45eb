"""The headroom of a run is what the last search beside it says: of its plan, on its machine."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.plans import PlanError
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.reports.capacity.beside import keep_headroom, read_capacity
from dress_rehearsal.reports.capacity.pages import FILE
from dress_rehearsal.reports.capacity.schema import Capacity
from dress_rehearsal.reports.page.headroom import FILE as HEADROOM
from dress_rehearsal.reports.page.headroom import headroom
from dress_rehearsal.reports.report import write_report
from dress_rehearsal.reports.schema import Verdict
from tests.reports.capacity.conftest import one, sought

SMALL = {"students": 60, "tickets": 20}
HELD = Verdict.model_construct(verdict="pass", failures=(), doubts=())
Search = Callable[..., Path]


@pytest.fixture
def run(build_run: Any) -> RunDirectory:
    return build_run(**SMALL)  # type: ignore[no-any-return]


@pytest.fixture
def search(run: RunDirectory, found: Callable[..., Capacity]) -> Search:
    """Make the folder of a search beside the run, with the try of the plan's own number in it."""

    def build(name: str, most: int, **facts: Any) -> Path:
        folder = run.path.parent / name
        tried = folder / "own"
        folder.mkdir()
        shutil.copytree(run.path, tried)
        said = tried / "environment.json"
        said.write_text(json.dumps(json.loads(said.read_text()) | facts))
        own = sought(own=60, most=120)
        capacity = found((60, "pass"), (most, "pass"), (most + 5, "fail"), own=60, most=120)
        tries = (one(60, "pass", run="own"), *capacity.tries[1:])
        assert own.own == capacity.own.people
        (folder / FILE).write_text(capacity.model_copy(update={"tries": tries}).text())
        return folder

    return build


def test_the_last_one_of_its_plan_on_its_machine_counts(run: RunDirectory, search: Search) -> None:
    search("20261120T100000Z-x-capacity", 70)
    search("20261121T100000Z-x-capacity", 90)
    search("20261122T100000Z-x-capacity", 110, fingerprint="another machine")
    keep_headroom(run)
    said = headroom(run, run.plan(), HELD)
    assert "90 students pass, 95 students do not" in said.words
    assert "The plan's own number, 60 students, passes" in said.words
    assert "another build" not in said.words
    assert said.href is not None
    assert (run.path / said.href).parent.name == "20261121T100000Z-x-capacity"


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_the_page_tells_it_and_leads_there(run: RunDirectory, search: Search) -> None:
    folder = search("20261120T100000Z-x-capacity", 70)
    keep_headroom(run)
    write_report(run)
    page = (run.path / "report.html").read_text()
    assert "70 students pass, 75 students do not" in page
    assert f'<a href="../{folder.name}/capacity.html">The search</a>' in page
    assert "not searched" not in page


def test_a_search_of_another_build_is_told_as_one(run: RunDirectory, search: Search) -> None:
    search("20261120T100000Z-x-capacity", 70, label="v1")
    keep_headroom(run)
    assert "another build of the target: v1" in headroom(run, run.plan(), HELD).words


def test_a_search_of_another_plan_says_nothing(run: RunDirectory, search: Search) -> None:
    folder = search("20261120T100000Z-x-capacity", 70)
    plan = folder / "own" / "plan.toml"
    plan.write_text(plan.read_text().replace("students = 60", "students = 61"))
    keep_headroom(run)
    assert not (run.path / HEADROOM).exists()


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "\x00"])
def test_a_damaged_search_is_passed_over(run: RunDirectory, search: Search, content: str) -> None:
    search("20261120T100000Z-x-capacity", 70)
    folder = search("20261121T100000Z-x-capacity", 90)
    (folder / FILE).write_text(content)
    with pytest.raises(PlanError, match="cannot be read, or is of another version"):
        read_capacity(folder)
    keep_headroom(run)
    assert "70 students pass" in headroom(run, run.plan(), HELD).words


def test_without_a_search_nothing_is_written(run: RunDirectory) -> None:
    keep_headroom(run)
    assert not (run.path / HEADROOM).exists()
