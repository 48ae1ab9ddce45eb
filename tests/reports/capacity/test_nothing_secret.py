"""What a search for the capacity tells shows no secret of its plan, wherever it stands in it."""

import pytest

from dress_rehearsal.plans import plan_toml
from dress_rehearsal.plans.overrides import in_effect
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.capacity import axis as axes
from dress_rehearsal.rehearsal.capacity.axis import axis_of
from dress_rehearsal.reports.capacity.pages import write_capacity
from dress_rehearsal.reports.capacity.result import capacity_of
from dress_rehearsal.reports.page.headroom import headroom
from dress_rehearsal.reports.schema import Verdict
from tests.plans.test_shown_nowhere import SECRET
from tests.reports.capacity.conftest import one, sought
from tests.reports.comparison.test_nothing_secret import BASES, full_of_secrets, settings_of
from tests.steps import PURCHASE

ENDS = ("found", "tries", "time", "interrupted", "broken")
HELD = Verdict.model_construct(verdict="pass", failures=(), doubts=())
OUTCOMES = ("pass", "fail", "undecided", "limited")


@pytest.mark.parametrize("name", BASES)
def test_no_file_of_a_search_shows_one(name, tmp_path, monkeypatch):
    monkeypatch.setattr(axes, "has_shape", lambda _: False)  # the file is none
    plan, _ = full_of_secrets(name)
    assert SECRET in plan_toml(plan)
    axis = axis_of(plan, None)
    tries = [one(axis.own * turn, word) for turn, word in enumerate(OUTCOMES, start=1)]
    given = sought(
        plan=plan,
        over=axis.over,
        own=axis.own,
        least=1,
        most=axis.own * 16,
        value=axis.value(1),
        remarks=tuple(axis.remarks()),
    )
    parts = (tries, tries[:2], tries[1:], tries[2:], tries[3:])
    for ended, judged in zip(ENDS, parts, strict=True):
        folder = tmp_path / ended
        folder.mkdir()
        capacity = capacity_of(given, judged, step=PURCHASE, ended=ended, took_s=9.0)
        write_capacity(folder, capacity)
        texts = {path.name: path.read_text() for path in folder.iterdir()}
        assert {"capacity.json", "capacity.md", "capacity.html"} <= texts.keys()
        assert [file for file, text in texts.items() if SECRET in text or "4711" in text] == []


@pytest.mark.parametrize("name", BASES)
def test_the_command_that_would_search_shows_none(name, tmp_path):
    plan, _ = full_of_secrets(name)
    run = RunDirectory.create(tmp_path, plan)
    overrides = in_effect([f"{key}=0" for key in settings_of(plan)], plan)
    assert SECRET in str(overrides)
    run.write_json("environment.json", {"overrides": overrides})
    said = headroom(run, plan, HELD).words
    assert "rehearse capacity" in said
    assert SECRET not in said
