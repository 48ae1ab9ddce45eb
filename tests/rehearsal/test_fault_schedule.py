"""Faults happen at their moments, end in time, and leave both on the timeline."""

import threading
import time

import pytest

from dress_rehearsal.compose import StageUnusableError, UndecidedError
from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.fault_schedule import FaultSchedule

NS = 1_000_000_000
LATE_S = 0.5
"""How much later than planned something may happen on a machine that does other things too."""


class Stage:
    """Notes what is done to it and when; some faults cannot be done, some take their time."""

    def __init__(self):
        self.done = []
        self.slow = threading.Event()

    def strike(self, fault):
        if fault.name == "leak":
            raise StageUnusableError("The app does not answer.")
        if fault.name == "loop_block":
            raise UndecidedError("No answer came. It may have taken effect all the same.")
        self.done.append(("strike", fault.name, time.time_ns()))

    def relieve(self, fault):
        if fault.name == "sigterm_mid_sale":
            assert self.slow.wait(10)
        self.done.append(("relieve", fault.name, time.time_ns()))


@pytest.fixture
def stage():
    return Stage()


@pytest.fixture
def play(tmp_path, stage):
    """Play the faults of a sale of 1 s; gives the schedule, T-0 and the run."""

    def begin(*faults):
        plan = Plan.model_validate(
            {
                "name": "faulty",
                "schedule": {"lead": "200ms", "sale": "1s"},
                "faults": list(faults),
            }
        )
        run = RunDirectory.create(tmp_path, plan)
        told = []
        schedule = FaultSchedule(plan, stage, run, told.append)
        t0_ns = time.time_ns() + NS // 4
        schedule.begin(t0_ns)
        return schedule, t0_ns, run, told

    return begin


def await_done(stage, count):
    deadline = time.monotonic() + 10
    while len(stage.done) < count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def in_time(happened_s, planned_s):
    """Never early: only the clocks' own steps are allowed for."""
    return planned_s - 0.005 <= happened_s < planned_s + LATE_S


def stamps(run):
    return [(event.name, event.detail) for event in run.timeline() if event.kind == "fault"]


@pytest.mark.slow
def test_each_happens_at_its_moment_and_ends_after_its_time(stage, play):
    schedule, t0_ns, run, told = play(
        {"name": "redis_down", "at": "T+100ms", "lasts": "200ms"},
        {"name": "slow_database", "at": "T-200ms", "lasts": "250ms", "grade": "300ms"},
    )
    await_done(stage, 4)
    schedule.end()
    offsets = {(what, name): (t_ns - t0_ns) / NS for what, name, t_ns in stage.done}
    for moment, seconds in (
        (("strike", "slow_database"), -0.2),
        (("relieve", "slow_database"), 0.05),
        (("strike", "redis_down"), 0.1),
        (("relieve", "redis_down"), 0.3),
    ):
        assert in_time(offsets[moment], seconds)
    events = stamps(run)
    assert [(name, detail["on"]) for name, detail in events] == [
        ("slow_database", True),
        ("slow_database", False),
        ("redis_down", True),
        ("redis_down", False),
    ]
    on = events[0][1]
    assert on["grade"] == "300ms"
    assert in_time(on["at_s"], -0.2)
    assert on["what"] == "every transaction takes so much longer"
    assert "Fault slow_database, 300ms: every transaction takes so much longer." in told


@pytest.mark.slow
def test_what_lasts_to_the_end_of_the_sale_ends_with_it(stage, play):
    schedule, t0_ns, _, _ = play({"name": "views_lost", "at": "T+500ms"})
    await_done(stage, 2)
    assert in_time((stage.done[1][2] - t0_ns) / NS, 1.0)
    schedule.end()


def test_an_outage_ends_with_the_rush_at_the_latest(stage, play):
    schedule, _, run, _ = play({"name": "database_down", "at": "T-100ms", "lasts": "1h"})
    await_done(stage, 1)
    schedule.end()
    assert [what for what, *_ in stage.done] == ["strike", "relieve"]
    assert [detail["on"] for _, detail in stamps(run)] == [True, False]


@pytest.mark.slow
def test_one_fault_does_not_wait_for_another(stage, play):
    """An app that takes long to end keeps nobody from wiping Redis in time."""
    schedule, t0_ns, _, _ = play(
        {"name": "sigterm_mid_sale", "at": "T-100ms"}, {"name": "redis_wipe", "at": "T+100ms"}
    )
    await_done(stage, 3)
    wiped = next(t_ns for what, name, t_ns in stage.done if name == "redis_wipe")
    assert in_time((wiped - t0_ns) / NS, 0.1)
    stage.slow.set()
    schedule.end()
    assert stage.done[-1][:2] == ("relieve", "sigterm_mid_sale")


def test_what_cannot_be_done_is_an_error_on_the_timeline(stage, play):
    schedule, _, run, told = play({"name": "leak", "at": "T-100ms"})
    deadline = time.monotonic() + 10
    while not told:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    schedule.end()
    assert stamps(run) == [("leak", {"on": True, "error": "The app does not answer."})]
    assert told == ["The fault leak could not be done: The app does not answer."]


@pytest.mark.slow
def test_what_may_have_been_done_is_ended_too(stage, play):
    schedule, t0_ns, run, _ = play({"name": "loop_block", "at": "T-100ms", "lasts": "200ms"})
    await_done(stage, 1)
    schedule.end()
    ((what, name, t_ns),) = stage.done
    assert (what, name) == ("relieve", "loop_block")
    assert in_time((t_ns - t0_ns) / NS, 0.1)
    (_, begun), (_, ended) = stamps(run)
    assert "may have taken effect" in begun["error"]
    assert ended == {"on": False}


@pytest.mark.parametrize(("fails", "on"), [("strike", True), ("relieve", False)])
def test_what_nobody_foresaw_is_told_too_and_ended(stage, play, monkeypatch, fails, on):
    """Untold, the fault would count as one that the app withstood."""
    done = getattr(stage, fails)

    def broken(fault):
        done(fault)
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(stage, fails, broken)
    schedule, _, run, told = play({"name": "redis_wipe", "at": "T-100ms"})
    await_done(stage, 2)
    schedule.end()
    assert [what for what, *_ in stage.done] == ["strike", "relieve"]
    (failed,) = [detail for _, detail in stamps(run) if "error" in detail]
    assert failed == {"on": on, "error": "OSError: [Errno 24] Too many open files."}
    assert any("redis_wipe could not be " in sentence for sentence in told)


def test_a_rush_that_is_over_too_soon_says_which_fault_it_missed(stage, play):
    schedule, _, run, _ = play({"name": "views_lost", "at": "T+900ms"})
    schedule.end()
    assert stage.done == []
    error = "The rush was over before its moment came."
    assert stamps(run) == [("views_lost", {"on": True, "error": error})]


def test_a_fault_that_does_not_get_ended_keeps_nobody(tmp_path, stage):
    plan = Plan.model_validate(
        {
            "name": "faulty",
            "schedule": {"lead": "200ms", "sale": "1s"},
            "faults": [{"name": "sigterm_mid_sale", "at": "T+0s"}],
        }
    )
    run = RunDirectory.create(tmp_path, plan)
    told = []
    schedule = FaultSchedule(plan, stage, run, told.append, ends_within_s=0.2)
    schedule.begin(time.time_ns())
    [(_, playing)] = schedule._threads
    while not stage.done:
        time.sleep(0.01)
    schedule.end()
    assert told[-1] == "The fault sigterm_mid_sale could not be ended: It took more than 0.2 s."
    written = stamps(run)
    stage.slow.set()
    await_done(stage, 2)
    playing.join(10)
    assert stamps(run) == written, "the run may have been judged by now"
    assert "is over" not in told[-1]


class FirstOthers:
    """A lock that whoever clears the schedule gets only once the fault's own thread is through.

    Args:
        told: what has been told so far.
        count: when it is.
    """

    def __init__(self, told, count):
        self._told, self._count, self._lock = told, count, threading.Lock()
        self.asked = threading.Event()

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self.asked.set()
            deadline = time.monotonic() + 10
            while len(self._told) < self._count:
                assert time.monotonic() < deadline
                time.sleep(0.005)
        self._lock.acquire()

    def __exit__(self, *_):
        self._lock.release()


def test_a_fault_that_ends_just_as_it_is_given_up_is_told_of_once(tmp_path):
    plan = Plan.model_validate(
        {
            "name": "faulty",
            "schedule": {"lead": "200ms", "sale": "1s"},
            "faults": [{"name": "redis_wipe", "at": "T+0s"}, {"name": "leak", "at": "T+0s"}],
        }
    )
    run, told = RunDirectory.create(tmp_path, plan), []
    through = threading.Event()

    class Late(Stage):
        def relieve(self, fault):
            lock.asked.wait(10)

        def strike(self, fault):
            if fault.name == "leak":
                lock.asked.wait(10)
                raise StageUnusableError("The app does not answer.")

    schedule = FaultSchedule(plan, Late(), run, told.append, ends_within_s=0.2)
    lock = schedule._telling = FirstOthers(told, 3)
    schedule.begin(time.time_ns())
    playing = list(schedule._threads)
    while not told:
        time.sleep(0.01)
    for _, thread in playing:  # they have told their last, and have not ended yet
        thread.is_alive = lambda: not through.is_set()
    schedule.end()
    through.set()
    wiped = [detail for name, detail in stamps(run) if name == "redis_wipe"]
    assert [detail["on"] for detail in wiped] == [True, False]
    assert not any("error" in detail for detail in wiped)
    assert [detail for name, detail in stamps(run) if name == "leak"] == [
        {"on": True, "error": "The app does not answer."}
    ]
    assert len(told) == 3


def test_it_is_told_of_in_words_with_the_name_of_its_service(play, stage):
    schedule, _, _, told = play(
        {"name": "pause", "service": "postgres", "at": "T-200ms", "lasts": "100ms"}
    )
    await_done(stage, 2)
    schedule.end()
    assert told == [
        "Fault pause (PostgreSQL): PostgreSQL stands still, and goes on after 100ms.",
        "Fault pause (PostgreSQL) is over.",
    ]
