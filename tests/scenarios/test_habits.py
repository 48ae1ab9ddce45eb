"""Habits: off by default, drawn from streams of their own, as large as the plan says."""

import dataclasses
import hashlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from dress_rehearsal.plans import read_plan, seeded_roster
from dress_rehearsal.scenarios import habits, timetable
from dress_rehearsal.scenarios.habits import habits_of
from dress_rehearsal.scenarios.timetable import (
    BOT,
    DOUBLE_CLICKER,
    EAGER,
    LATE,
    OUTSIDER,
    draw_timetable,
)


def drawn(*overrides, name="festival"):
    plan = read_plan(Path(name), overrides)
    people = seeded_roster(plan.event.students - plan.outsiders, plan.outsiders, plan.seed)
    return draw_timetable(plan, people)


def digest(drawn_up):
    found = hashlib.sha256()
    for column in dataclasses.fields(drawn_up):
        found.update(column.name.encode())
        found.update(np.ascontiguousarray(getattr(drawn_up, column.name)).tobytes())
    return found.hexdigest()[:16]


@pytest.mark.parametrize(
    ("name", "known"), [("festival", "672668db5c71644e"), ("smoke", "0a6fb6f662811349")]
)
def test_a_seed_still_means_what_it_meant(name, known):
    """Whoever has run one of these plans before gets the same rush again."""
    assert digest(drawn(name=name)) == known


@pytest.mark.parametrize("module", [timetable, habits])
def test_a_seed_means_the_same_on_every_cpu(module):
    """numpy's logarithms, powers and the like end in another bit where a CPU has AVX-512."""
    used = set(re.findall(r"\bnp\.(\w+)", inspect.getsource(module)))
    unlike = {
        "log",
        "log2",
        "log10",
        "log1p",
        "exp",
        "exp2",
        "expm1",
        "power",
        "sin",
        "cos",
        "tanh",
    }
    assert not used & unlike


def test_without_habits_nobody_has_one():
    habits = habits_of(read_plan(Path("festival")))
    assert not habits.slot_s.any()
    assert not habits.refreshes.any()
    assert not habits.refetches.any()


@pytest.mark.parametrize(
    ("habit", "columns"),
    [
        ("students.wrong_clocks=20%", {"click_s"}),
        ("students.late_tail=5%", {"arrival_s"}),
        ("students.late_rates=[1, 5, 1]", {"arrival_s"}),
        ("students.slot_size=4000", {"arrival_s", "click_s", "login_at_s"}),
        ("students.refreshers=30%", set()),
        ("students.qr_refetch=20%", set()),
        ("students.last_poll=1s", set()),
    ],
)
def test_a_habit_changes_what_it_is_about_and_nothing_else(habit, columns):
    overrides = ["schedule.sale=10min"]
    before, after = drawn(*overrides), drawn(*overrides, habit)
    changed = {
        column.name
        for column in dataclasses.fields(before)
        if not np.array_equal(getattr(before, column.name), getattr(after, column.name))
    }
    assert changed == columns


def test_one_habit_draws_the_same_whatever_others_there_are():
    alone = habits_of(read_plan(Path("festival"), ["students.refreshers=30%"]))
    among = ["students.refreshers=30%", "students.qr_refetch=20%", "students.wrong_clocks=10%"]
    assert (habits_of(read_plan(Path("festival"), among)).refreshes == alone.refreshes).all()


def test_bots_are_a_share_of_everybody_and_leave_the_others_as_they_are():
    before, after = drawn(), drawn("students.bots=5%")
    assert (after.journey == BOT).sum() == 600
    assert (before.journey[after.journey == BOT] == EAGER).all()
    for journey in (LATE, DOUBLE_CLICKER, OUTSIDER):
        assert ((after.journey == journey) == (before.journey == journey)).all()
    bots = after.journey == BOT
    assert after.login_before[bots].all()
    assert not after.click_s[bots].any(), "a bot clicks at T-0"
    assert (after.devices[bots] == 1).all()


def test_clicks_by_wrong_clocks_are_a_mixture():
    right, mixed = drawn().click_s, drawn("students.wrong_clocks=30%").click_s
    off_s = (mixed - right)[mixed != right]
    assert len(off_s) / len(right) == pytest.approx(0.30, abs=0.02)
    assert off_s.mean() == pytest.approx(0, abs=0.05)
    assert off_s.std() == pytest.approx(1.0, abs=0.05)
    assert (mixed < -1).mean() > 10 * (right < -1).mean(), "some click far too early"


def test_a_tail_of_the_late_comes_for_long_but_can_still_buy():
    sale = "schedule.sale=10min"
    usual, tailed = drawn(sale), drawn(sale, "students.late_tail=5%")
    late = usual.journey == LATE
    assert (usual.arrival_s[late] > 60).mean() < 0.001
    assert (tailed.arrival_s[late] > 60).mean() == pytest.approx(0.05 * 420 / 480, abs=0.015)
    assert tailed.arrival_s[late].max() < 480


def test_rates_of_arrival_are_steps():
    steps = drawn(
        *("students.late=80%", "students.outsiders=0%", "students.double_clickers=0%"),
        *("students.late_rates=[1, 2, 5, 0, 2]", "students.late_over=50s", "schedule.sale=5min"),
    )
    came = np.histogram(steps.arrival_s[steps.journey == LATE], np.arange(0, 60, 10))[0]
    assert came / came.sum() == pytest.approx([0.1, 0.2, 0.5, 0.0, 0.2], abs=0.02)
    assert steps.arrival_s.max() < 50


def test_rates_that_would_last_beyond_the_sale_are_compressed():
    short = drawn("students.late_rates=[1]", "students.late_over=30min", "schedule.sale=20s")
    assert short.arrival_s.max() < 16


def test_slots_are_full_and_each_is_later_by_its_own_time():
    overrides = ["schedule.sale=5min", "students.slot_size=5000", "students.slot_every=30s"]
    starts_s = habits_of(read_plan(Path("festival"), overrides)).slot_s
    assert dict(zip(*np.unique(starts_s, return_counts=True), strict=True)) == {
        0.0: 5000,
        30.0: 5000,
        60.0: 2000,
    }
    timetable, usual = drawn(*overrides), drawn("schedule.sale=5min")
    waiting = usual.journey != LATE
    own_s = timetable.click_s[waiting] - starts_s[waiting]
    assert own_s == pytest.approx(usual.click_s[waiting])
    assert timetable.arrival_s[waiting] - starts_s[waiting] == pytest.approx(
        usual.arrival_s[waiting]
    )
    assert timetable.arrival_s.max() < 300
