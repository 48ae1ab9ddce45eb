"""The forecast holds what the students themselves do where every answer comes at once."""

import time
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dress_rehearsal.plans import read_plan, seeded_people
from dress_rehearsal.rehearsal.preflight.course import course
from dress_rehearsal.rehearsal.preflight.dry_run import dry_run
from dress_rehearsal.rehearsal.preflight.forecast import planned_times
from dress_rehearsal.scenarios.buyer import Admitted, Granted
from dress_rehearsal.scenarios.habits import habits_of
from dress_rehearsal.scenarios.recorder import OK
from dress_rehearsal.scenarios.students.call import Reply
from dress_rehearsal.scenarios.students.device import Device
from dress_rehearsal.scenarios.timetable import draw_timetable

_T0_NS = time.time_ns() + 86_400 * 10**9
_FEW = "event.students=300"
_NO_COPIES = "students.double_clickers=0%"


class _Median:
    """The luck of those who take as long as the plan says."""

    def delay_ns(self, median_s):
        return round(median_s * 1e9)

    def between(self, low, high):
        return (low + high) / 2


class _Browser:
    """A browser in which every answer comes at once; keeps when what was asked for."""

    ahead_ns, logged_in = 0, False

    def __init__(self, student, asked, turns):
        self.student, self._asked, self._turns = student, asked, turns

    def has(self, method):
        return self._turns is not None or method != "queue"

    def login(self, due_ns):
        self.logged_in = True
        return self._answer("log_in", due_ns)

    def page(self, due_ns, give_up_ns=None):
        return self._answer("arrive" if give_up_ns is None else "reload", due_ns)

    def countdown(self, due_ns, give_up_ns):
        return self._answer("wait", due_ns)

    def join(self, due_ns):
        at_ns = max(due_ns, _T0_NS + round(next(self._turns) * 1e9))
        return Reply(OK, None, at_ns if self._answer("join", due_ns) else 0, Admitted())

    def buy(self, due_ns, copy=0, wish=0):
        return self._answer("buy", due_ns, Granted("1"))

    def _answer(self, method, due_ns, claim=None):
        self._asked[method].append((due_ns - _T0_NS) / 1e9)
        return Reply(OK, None, due_ns, claim)


def played(*overrides, turns=None):
    """Return the plan's forecast, and when its students really ask whose answers come at once."""
    plan = read_plan(Path("festival"), [_FEW, _NO_COPIES, *overrides])
    people = seeded_people(plan)
    asked = defaultdict(list)
    rush = SimpleNamespace(
        plan=plan,
        timetable=draw_timetable(plan, people),
        habits=habits_of(plan),
        luck=lambda student, number: _Median(),
        at=lambda at_s: _T0_NS + round(at_s * 1e9),
        sleep_until=lambda at_ns: None,
        census=SimpleNamespace(became=lambda *_: None, clicked=lambda *_: None),
        closed_ns=_T0_NS + 10**15,
    )
    for student, devices in enumerate(rush.timetable.devices):
        for number in range(devices):
            purchase = SimpleNamespace(granted=lambda *_: True, here_ns=0, decided=False)
            Device(rush, _Browser(student, asked, turns), purchase, number).rush_in()
    return planned_times(plan, people), asked


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("students.last_poll=1s",),
        ("students.login_before=0%", "students.typing=3s"),
        ("students.multi_device=50%", "students.last_poll=2s", "schedule.lead=2min"),
        ("students.slot_size=100", "students.slot_every=60s", "schedule.sale=4min"),
    ],
)
def test_every_request_of_theirs_is_in_it_when_it_is_due(overrides):
    forecast, asked = played(*overrides)
    assert set(asked) == set(forecast) - {"together"}
    for method, when in asked.items():
        assert np.sort(forecast[method]) == pytest.approx(np.sort(when), abs=1e-6), method


def test_nobody_asks_how_long_it_is_the_moment_the_page_opens_and_some_still_do_after_t0():
    forecast, asked = played()
    arrived = set(np.round(forecast["arrive"], 6))
    assert not arrived & set(np.round(forecast["wait"], 6))
    after = sum(when >= 0 for when in asked["wait"])
    assert after > 20
    assert (forecast["wait"] >= 0).sum() == after


def test_a_refresh_storm_and_bots_ask_about_as_often_as_they_do():
    forecast, asked = played("students.refreshers=40%", "students.bots=10%")
    for method, when in asked.items():
        assert len(forecast[method]) == pytest.approx(len(when), rel=0.05), method
        assert forecast[method].max() == pytest.approx(max(when), abs=2), method


def test_before_a_waiting_room_those_who_log_in_at_the_opening_wait_on_the_page():
    many = ("app.waiting_room=poll", "app.admission_rate=1000000")
    forecast, asked = played(*many, turns=iter([0.0] * 1000))
    assert set(asked) == set(forecast) - {"together"}
    for method, when in asked.items():
        assert np.sort(forecast[method]) == pytest.approx(np.sort(when), abs=1e-3), method


_OWN = """\
from {base} import Buyer
class Shop(Buyer):
    def arrive(self): ...
    def buy(self): ...
"""


def own_plan(tmp_path, base, *overrides):
    (tmp_path / "own.py").write_text(_OWN.format(base=base))
    (tmp_path / "own.toml").write_text(
        'name = "own"\n[target]\nstage = "external"\nurl = "http://127.0.0.1:9"\n'
        "[scenario]\nfile = 'own.py'\n[event]\nstudents = 300\ntickets = 100\n"
    )
    return read_plan(tmp_path / "own.toml", overrides)


def test_what_the_scenario_lacks_is_never_sent_and_so_not_counted(tmp_path):
    plan = own_plan(tmp_path, "dress_rehearsal.scenarios")
    people = seeded_people(plan)
    times = planned_times(plan, people)
    assert list(times) == ["arrive", "buy", "together"]
    assert len(times["together"]) == len(times["arrive"]) + len(times["buy"])
    said = dry_run(plan, people)
    assert not any(line.strip().startswith(("log_in", "wait")) for line in said)
    assert not any("as far as the scenario" in line for line in said)


def test_bots_ask_for_the_page_where_the_scenario_does_not_wait(tmp_path):
    plan = own_plan(tmp_path, "dress_rehearsal.scenarios", "students.bots=5%")
    times = planned_times(plan, seeded_people(plan))
    assert len(times["reload"]) == pytest.approx(15 * 10 / 0.035, rel=0.1)


def test_what_the_scenario_may_lack_is_counted_and_said_to_be_uncertain(tmp_path):
    plan = own_plan(tmp_path, "shop")
    people = seeded_people(plan)
    assert {"log_in", "wait"} <= set(planned_times(plan, people))
    assert sum("as far as the scenario defines it" in line for line in dry_run(plan, people)) == 1
    shown = [line for line, _ in course(plan, people)]
    assert sum("as far as the scenario defines it" in line for line in shown) == 1


def test_of_the_bundled_scenario_nothing_is_uncertain():
    plan = read_plan(Path("smoke"))
    people = seeded_people(plan)
    lines = [*dry_run(plan, people), *(line for line, _ in course(plan, people))]
    assert not any("as far as the scenario" in line for line in lines)
