"""The forecast: as many requests as the timetable has, when it has them."""

from collections import deque
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from dress_rehearsal.plans import read_plan, seeded_people
from dress_rehearsal.records.machine import environment
from dress_rehearsal.rehearsal.preflight import capacity as preflight
from dress_rehearsal.rehearsal.preflight.capacity import capacity, longest_wait_s
from dress_rehearsal.rehearsal.preflight.forecast import TOGETHER, busiest, planned_times
from dress_rehearsal.scenarios.timetable import draw_timetable


@cache
def planned(*overrides):
    plan = read_plan(Path("festival"), overrides)
    return plan, planned_times(plan, seeded_people(plan))


def test_everybody_clicks_once_on_each_device_and_once_for_each_copy():
    plan, times = planned()
    timetable = draw_timetable(plan, seeded_people(plan))
    assert len(times["buy"]) == (timetable.devices + timetable.copies).sum()
    assert len(times["arrive"]) == timetable.devices.sum()
    each = [len(when) for name, when in times.items() if name != TOGETHER]
    assert len(times[TOGETHER]) == sum(each)
    assert "reload" not in times
    assert "join" not in times


def test_a_refresh_storm_is_from_before_t0_until_just_after_it():
    plan, times = planned("students.refreshers=30%", "students.refresh_from=6s")
    reloads = times["reload"]
    assert reloads.min() >= -6
    assert reloads.max() < 2 * plan.students.refresh_every
    waiting = 0.8 * plan.event.students
    assert len(reloads) == pytest.approx(0.3 * waiting * (6 / 1.5 + 0.5), rel=0.1)


def test_bots_ask_as_fast_as_they_do():
    _, times = planned("students.bots=5%")
    last_s = times["wait"][(times["wait"] >= -2) & (times["wait"] < -1)]
    assert len(last_s) == pytest.approx(600 / 0.035, rel=0.15)


def test_a_waiting_room_lets_students_click_one_after_another():
    _, times = planned("app.waiting_room=poll", "app.admission_rate=100")
    assert len(times["join"]) == len(times["arrive"])
    assert busiest("buy", times["buy"]).peak < 1000
    assert times["buy"].max() >= 119


def test_slots_make_as_many_peaks():
    slots = ("students.slot_size=4000", "students.slot_every=60s", "schedule.sale=4min")
    _, times = planned(*slots)
    for begin_s in (0, 60, 120):
        near = (times["buy"] >= begin_s) & (times["buy"] < begin_s + 1)
        assert near.sum() > 1000
    assert busiest("buy", times["buy"]).peak < 2 * 4000


def test_the_wait_of_a_fluid_queue_is_what_is_left_over():
    at_once = np.zeros(1000)
    assert longest_wait_s(at_once, 500.0) == pytest.approx(1.9)
    assert longest_wait_s(np.linspace(0, 10, 1000), 500.0) == 0
    assert longest_wait_s(np.empty(0), 1.0) == 0


@pytest.mark.parametrize("again", [0.0, 0.4])
@pytest.mark.parametrize("latest_first", [False, True])
def test_a_wait_that_is_told_is_never_longer_than_a_queue_really_makes_it(again, latest_first):
    """One server, every request by itself; some are tried again, and the last may go first."""
    rng = np.random.default_rng(3)
    first = np.sort(np.concatenate([rng.normal(0.0, 0.3, 4_000), rng.uniform(-5, 10, 3_000)]))
    comes = np.sort(np.concatenate([first, rng.choice(first, int(again * len(first))) + 0.5]))
    each_s, now, longest, waiting, ahead = 1 / 3_000, comes[0], 0.0, deque(), deque(comes)
    while ahead or waiting:
        while ahead and ahead[0] <= now:
            waiting.append(ahead.popleft())
        if not waiting:
            now = ahead[0]
            continue
        came = waiting.pop() if latest_first else waiting.popleft()
        longest = max(longest, now - came)
        now += each_s
    told = longest_wait_s(first, 3_000.0)
    assert 0.2 < told <= longest
    if not again and not latest_first:
        assert told == pytest.approx(longest, abs=0.05), "in that one case it is the wait itself"


def sums(*overrides):
    plan, times = planned(*overrides)
    return {each.name: each for each in capacity(plan, times)}


def test_a_pool_that_is_too_small_for_the_peak_is_waited_for():
    small = sums("app.allocation=row_lock", "app.postgres_pool=1", "app.workers=2")["PostgreSQL"]
    assert small.status == "warn"
    assert "somebody waits" in small.says
    assert small.assumed
    large = sums("app.allocation=row_lock", "app.postgres_pool=40")["PostgreSQL"]
    assert large.status == "ok"


def test_little_s_law_is_in_the_sum():
    plan, times = planned("app.allocation=atomic_update", "app.postgres_pool=40")
    rate = busiest("buy", times["buy"], 0.1).peak / 0.1
    (found,) = [each for each in capacity(plan, times) if each.name == "PostgreSQL"]
    assert f"{rate * 0.002:.1f} of 80 places (2 × 40)" in found.says


def test_a_hold_that_the_plan_knows_is_not_assumed():
    known = ("app.enrolment=external", "app.enrolment_limit=4", "app.enrolment_latency=50ms")
    found = sums(*known)["enrolment API"]
    assert not found.assumed
    assert found.status == "warn"
    assert "held for 50 ms each" in found.says


def test_a_waiting_room_says_when_the_last_one_is_let_in():
    found = sums("app.waiting_room=poll", "app.admission_rate=400")["waiting room"]
    assert "the last of 12,000 students after 30 s" in found.says


def test_what_is_written_behind_the_answers_is_waited_for_by_nobody():
    found = sums()["PostgreSQL"]
    assert not found.assumed
    assert "behind the answers" in found.says


def test_of_somebody_else_s_app_no_pool_is_made_up():
    plan = read_plan(Path("festival"), ["target.stage=external", "target.url=http://127.0.0.1:9"])
    found = {each.name: each.says for each in capacity(plan, planned()[1])}
    assert "PostgreSQL" not in found
    assert "not known here" in found["pools of the app"]


def test_what_the_machine_has_too_little_of_is_short():
    many = read_plan(Path("festival"), ["event.students=1000000"])
    found = {each.name: each.status for each in capacity(many, planned()[1])}
    assert found["open files"] == "fail"


def test_workers_are_told_with_the_cores_that_cap_them_and_all_their_connections(cores):
    cores(2)
    two = sums("app.workers=2", "app.postgres_pool=10", "app.redis_pool=64")["workers"]
    assert two.says.startswith("2 workers on 2 cores: more of them than cores serve no faster")
    assert "2 × 10 = 20 connections to PostgreSQL with 7 kept for others, of 100" in two.says
    assert "2 × 64 = 128 to Redis" in two.says
    four = sums("app.workers=4")["workers"]
    assert "4 workers on 2 cores: no more than 2 of them work at a time" in four.says
    assert "4 × 10 = 40 connections to PostgreSQL" in four.says


def test_more_workers_than_cores_shorten_no_wait_and_those_up_to_them_do(cores):
    def waits(workers, name="CPU of the app"):
        return sums(f"app.workers={workers}", "app.postgres_pool=5")[name].says.partition("; ")[2]

    cores(2)
    assert waits(1).removeprefix("1 worker") != waits(2).removeprefix("2 workers")
    assert waits(2).removeprefix("2 workers") == waits(8).removeprefix("8 workers")
    cores(8)
    assert waits(2).removeprefix("2 workers") != waits(8).removeprefix("8 workers")


def test_the_machine_carries_the_stores_too(cores):
    cores(2)
    found = sums()
    machine, app = found["CPU of the machine"].says, found["CPU of the app"].says
    assert "with the stores, on 2 cores; somebody waits 1.8 s at least" in machine
    assert "somebody waits 0.5 s at least" in app


def test_of_a_target_of_elsewhere_neither_workers_nor_their_cores_are_known():
    told = sums("target.stage=external", "target.url=http://127.0.0.1:9")
    assert "workers" not in told
    assert "CPU of the machine" not in told


@pytest.mark.parametrize(
    ("overrides", "number", "of"),
    [
        ((), 16, "one process"),
        (("generator.processes=8",), 16, "8 processes"),
        (("generator.processes=8",), 2, "8 processes on 2 cores"),
        (
            ("generator.workers=10", "generator.listen=127.0.0.1:5557"),
            2,
            "one process here and 10 of other machines",
        ),
        (
            ("generator.processes=0", "generator.workers=3", "generator.listen=127.0.0.1:5557"),
            2,
            "3 of other machines",
        ),
    ],
)
def test_the_generator_has_a_processor_for_each_of_its_processes(cores, overrides, number, of):
    cores(number)
    _, times = planned("event.students=30000")
    says = sums("event.students=30000", *overrides)["CPU of the generator"].says
    told_of = says.partition("; ")[2]
    playing = {"8 processes": 8, "8 processes on 2 cores": 2, "one process": 1}.get(of)
    playing = playing or (11 if "here" in of else 3)
    wait_s = longest_wait_s(times[TOGETHER], playing / 178e-6)
    waits = f"; somebody waits {round(wait_s, 1):g} s at least" if wait_s >= 0.1 else ""
    assert told_of == f"{of}{waits}"


def test_beside_a_target_of_elsewhere_all_processors_but_one_play(cores):
    cores(16)
    away = (
        "target.stage=external",
        "target.url=http://shop.example",
        'target.allow=["shop.example"]',
    )
    assert sums(*away)["CPU of the generator"].says.partition("; ")[2] == "15 processes"


@pytest.fixture
def cores(monkeypatch):
    """Have a machine with so many cores."""

    def have(number):
        machine = environment(sending=False) | {"cores_usable": number, "cpu_quota": None}
        monkeypatch.setattr(preflight, "environment", lambda sending: machine)

    return have
