"""`rehearse plan show`: what a plan will send, drawn; nothing is started."""

import io
import sys
from pathlib import Path

import pytest

from dress_rehearsal.plans import read_plan, seeded_people
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.preflight.course import course


def shown(capsys, *arguments):
    assert main(["plan", "show", *arguments]) == 0
    return capsys.readouterr().out


def test_it_draws_every_step_and_the_sum(capsys):
    lines = shown(capsys, "festival").splitlines()
    for step in ("arrive", "log_in", "wait", "buy", "together"):
        assert sum(line.startswith(f"{step} ") for line in lines) == 2, step
    assert sum("T-0" in line and line.startswith(" ") and "+1" in line for line in lines) == 2
    assert any(line.strip().startswith("enough  Redis*") for line in lines)
    assert all(len(line) <= 80 for line in lines if "█" in line)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_of_a_graph_is_wider_than_the_terminal(width):
    plan = read_plan(Path("festival"))
    lines = [line for line, _ in course(plan, seeded_people(plan), width)]
    drawn = [line for line in lines if "█" in line]
    assert drawn
    assert all(len(line) <= max(width, 38) for line in drawn)


def test_a_peak_far_from_t0_is_drawn_where_it_is(capsys):
    said = shown(capsys, "festival", "--set", "students.click_offset=20s")
    assert "Around the peak" in said
    assert "+20s" in said.rpartition("Around the peak")[2]


def test_an_encoding_without_blocks_gets_stand_ins(capsys, monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["plan", "show", "smoke"]) == 0
    out.flush()
    text = out.buffer.getvalue().decode("ascii")
    assert "#" in text
    assert "\\u25" not in text


def test_behaviour_lists_every_value_with_its_basis(capsys):
    said = shown(capsys, "festival", "--behaviour")
    assert "late                20%  assumed" in said
    assert "bots                off" in said
    assert "measured  between two questions of a waiting page" in said


@pytest.mark.slow
def test_slots_and_habits_are_named(capsys):
    said = shown(
        capsys,
        *("festival", "--set", "students.slot_size=4000", "--set", "schedule.sale=4min"),
        *("--set", "students.refreshers=30%"),
    )
    assert "30% of those waiting refresh, 3 slots of 4,000, one every 1m" in said


def test_a_matrix_is_no_plan_to_show(capsys):
    assert main(["plan", "show", "matrix"]) == 2
    assert "is a matrix of plans" in capsys.readouterr().err


def test_the_bundled_plans_are_listed(capsys):
    assert main(["plan", "list"]) == 0
    listed = capsys.readouterr().out
    for name in ("festival", "smoke", "sizing"):
        assert f"\n{name} " in f"\n{listed}"


@pytest.mark.slow
def test_a_pool_that_no_purchase_waits_for_is_told_with_the_key_that_changes_nothing(capsys):
    said = shown(capsys, "festival", "--set", "app.postgres_pool=20")
    assert "PostgreSQL: no purchase waits for it: redis_writeback writes rows behind" in said
    assert "so app.postgres_pool = 20 changes nothing of how long buying takes" in said
    assert "no purchase" not in shown(capsys, "festival", "--set", "app.allocation=row_lock")


def test_where_more_comes_than_can_be_served_a_queue_is_told(capsys):
    crowded = shown(capsys, "festival", "--set", "app.redis_pool=1", "--set", "app.workers=1")
    assert "  queue   CPU of the app*" in crowded
    calm = shown(capsys, "festival", "--students", "60")
    assert "  enough  CPU of the app*" in calm
