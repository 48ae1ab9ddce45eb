"""The timetable: exact shares, true to the seed, everybody on the right side of T-0."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from dress_rehearsal.plans import read_plan, seeded_roster
from dress_rehearsal.plans.latecomers import latecomers
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.timetable import (
    DOUBLE_CLICKER,
    EAGER,
    LATE,
    MULTI_DEVICE,
    OUTSIDER,
    QUEUE_JUMPER,
    Lots,
    Luck,
    draw_timetable,
    order_of_arrival,
)


def drawn(*overrides):
    plan = read_plan(Path("festival"), overrides)
    off_roster = plan.outsiders
    return draw_timetable(
        plan, seeded_roster(plan.event.students - off_roster, off_roster, plan.seed)
    )


@pytest.fixture(scope="module")
def festival():
    return drawn()


@pytest.mark.parametrize(
    "overrides",
    [
        *(["schedule.sale=5s"], ["schedule.sale=8s"], ["schedule.sale=12s"]),
        ["students.slot_size=3000", "students.slot_every=4s", "schedule.sale=20s"],
        ["students.late_tail=40%", "schedule.sale=8s"],
        ["students.late_rates=[1, 2, 0, 3]", "students.late=60%", "schedule.sale=8s"],
    ],
)
def test_as_many_come_too_late_as_a_plan_is_told_to_have(overrides):
    plan, timetable = read_plan(Path("festival"), overrides), drawn(*overrides)
    late_after = []
    for student, journey in enumerate(timetable.journey):
        luck = Luck(timetable.draws[student], timetable.chances[student])
        typing_s = luck.delay_ns(plan.students.typing) / NS_PER_S
        if journey == LATE:
            again_s = luck.delay_ns(plan.students.typing) / NS_PER_S
            click_s = timetable.arrival_s[student] + typing_s + again_s / 2
        elif timetable.login_before[student]:
            click_s = max(timetable.click_s[student], timetable.arrival_s[student] + typing_s)
        else:
            click_s = timetable.login_at_s[student] + typing_s / 4
        late_after.append(click_s > plan.schedule.sale)
    assert np.mean(late_after) == pytest.approx(latecomers(plan), abs=0.01)


def test_shares_are_exact(festival):
    counts = Counter(festival.journey.tolist())
    assert counts == {
        EAGER: 7410,
        MULTI_DEVICE: 390,
        LATE: 2400,
        DOUBLE_CLICKER: 1200,
        OUTSIDER: 600,
    }


def test_five_in_six_of_those_with_several_devices_have_two(festival):
    several = festival.devices[festival.journey == MULTI_DEVICE]
    assert Counter(several.tolist()) == {2: 325, 5: 33, 6: 32}
    assert (festival.devices[festival.journey != MULTI_DEVICE] == 1).all()


def test_several_devices_and_queue_jumping_are_shares_of_the_eager():
    drawn_so = drawn("students.multi_device=25%", "students.queue_jumpers=50%")
    counts = Counter(drawn_so.journey.tolist())
    assert (counts[MULTI_DEVICE], counts[QUEUE_JUMPER], counts[EAGER]) == (1950, 3900, 1950)


def test_who_goes_to_the_entrance_and_lends_the_code_are_exact_shares(festival):
    assert not festival.enters.any()
    entering = drawn("students.entry=50%", "students.screenshots=10%")
    assert entering.enters.sum() == 6000
    assert entering.screenshot.sum() == 600
    assert (entering.enters | ~entering.screenshot).all()


def test_new_shares_leave_the_earlier_draws_of_a_seed_alone(festival):
    other = drawn("students.multi_device=50%", "students.queue_jumpers=10%", "students.entry=50%")
    for column in ("arrival_s", "login_at_s", "click_s", "patience_s", "draws", "chances"):
        assert (getattr(other, column) == getattr(festival, column)).all()
    for journey in (LATE, DOUBLE_CLICKER, OUTSIDER):
        assert ((other.journey == journey) == (festival.journey == journey)).all()


def test_outsiders_are_those_off_the_roster(festival):
    assert ((festival.journey == OUTSIDER) == ~festival.enrolled).all()


def test_only_late_students_arrive_after_t0(festival):
    assert ((festival.arrival_s > 0) == (festival.journey == LATE)).all()
    assert festival.arrival_s.max() < 35


def test_clicks_lie_around_t0_as_the_plan_says(festival):
    assert festival.click_s.mean() == pytest.approx(0.15, abs=0.02)
    assert festival.click_s.std() == pytest.approx(0.40, abs=0.02)


def test_half_have_lost_patience_at_the_median(festival):
    impatient = festival.patience_s[np.isfinite(festival.patience_s)]
    assert np.median(impatient) == pytest.approx(90, rel=0.05)
    assert np.isinf(festival.patience_s).mean() == pytest.approx(0.10, abs=0.02)


def test_the_seed_decides_everything(festival):
    again, other = drawn(), drawn("seed=7")
    for column in ("journey", "arrival_s", "click_s", "draws", "chances"):
        assert (getattr(again, column) == getattr(festival, column)).all()
    assert (other.click_s != festival.click_s).any()


def test_students_take_their_places_in_order_of_arrival(festival):
    order = list(order_of_arrival(festival))
    assert sorted(order) == list(range(12_000))
    assert (np.diff(festival.arrival_s[order]) >= 0).all()


def test_those_who_are_played_here_have_the_luck_that_they_have_among_all(festival):
    some = [11_999, 0, 77]
    everybodys, ours = Lots(festival), Lots(festival, some)
    for student in some:
        one, other = everybodys.luck(student, 5), ours.luck(student, 5)
        assert [one.delay_ns(1.0) for _ in range(40)] == [other.delay_ns(1.0) for _ in range(40)]
        assert one.between(0, 1) == other.between(0, 1)
    with pytest.raises(KeyError):
        ours.luck(78)
    assert len(festival.without_draws().draws) == 0 and festival.without_draws().draws.base is None
    assert (festival.without_draws().click_s == festival.click_s).all()


def test_luck_goes_round_and_keeps_to_its_bounds(festival):
    luck = Luck(festival.draws[0], festival.chances[0])
    delays = [luck.delay_ns(2.0) for _ in range(100)]
    assert delays[:32] == delays[32:64]
    assert all(0.05 <= luck.between(0.05, 0.3) < 0.3 for _ in range(50))
    assert all(luck.happens(1.0) and not luck.happens(0.0) for _ in range(50))
