"""Untrue refusals: who is told what is not so, while the fault is on and at no other time."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from dress_rehearsal.target_app.faults import FAULTS, REFRESH_S

Start = Callable[..., Any]


def told(app: Any, bearer: dict[str, str], key: str = "key") -> str:
    """What a purchase is told: `granted` or the code of a refusal."""
    answer = app.buy(bearer, key)
    return "granted" if answer.status_code in (201, 202) else str(answer.json()["code"])


def struck(app: Any, fault: str, students: range) -> list[int]:
    return [each for each in students if FAULTS.strikes_for(fault, app.stage.roster[each].student)]


@pytest.mark.parametrize("allocation", ["atomic_update", "redis_writeback"])
@pytest.mark.parametrize(
    ("fault", "code"),
    [("enrolled_refused", "not_enrolled"), ("held_refused", "already_holds_ticket")],
)
def test_some_of_the_students_are_refused_whenever_they_come(
    start_faulty: Start, allocation: str, fault: str, code: str
) -> None:
    app = start_faulty(allocation)
    bearers = [app.login(index) for index in range(30)]
    app.switch(fault, 0.3)
    wronged = struck(app, fault, range(30))
    assert 2 < len(wronged) < 20
    for key in ("one", "another"):
        for index in wronged:
            assert told(app, bearers[index], key) == code
    assert [index for index in range(30) if told(app, bearers[index]) == code] == wronged
    app.switch(fault, 0)
    assert {told(app, bearers[index]) for index in range(30)} == {"granted"}


def test_clicks_are_told_that_all_is_sold_while_there_are_tickets(start_faulty: Start) -> None:
    app = start_faulty("atomic_update", APP_TICKETS=3)
    app.switch("sold_out_early", 1)
    assert told(app, app.login(0)) == "sold_out"
    assert app.stage.rows() == []
    app.switch("sold_out_early", 0)
    assert [told(app, app.login(index)) for index in range(4)] == [*["granted"] * 3, "sold_out"]


def test_before_t_0_nobody_is_told_that_all_is_sold(start_faulty: Start) -> None:
    app = start_faulty(APP_OPENS_AT_NS=9 * 10**18)
    app.switch("sold_out_early", 1)
    assert told(app, app.login(0)) == "too_early"


def test_a_worker_that_opens_late_says_too_early_until_then(start_faulty: Start) -> None:
    app = start_faulty()
    bearer = app.login(0)
    app.switch("late_open", 0.8)
    assert told(app, bearer) == "granted"  # T-0 was long ago
    assert app.reschedule(time.time_ns()).status_code == 200
    assert told(app, app.login(1)) == "too_early"
    time.sleep(0.8)
    assert told(app, app.login(1)) == "granted"


def test_one_worker_of_two_opens_late(
    make_stage: Callable[..., Any], spawn: Any, connect_app: Any, eventually: Callable[..., Any]
) -> None:
    stage = make_stage(APP_FAULTS="on", APP_WORKERS=2)
    stage.prepare()
    spawn("dress_rehearsal.target_app", stage)
    app = connect_app(stage)
    bearers = [app.login(index) for index in range(24)]
    app.switch("late_open", 60.0)
    time.sleep(2 * REFRESH_S)  # until both workers have looked
    assert app.reschedule(time.time_ns()).status_code == 200
    eventually(lambda: app.http.get(f"{app.path}/countdown").json()["state"] == "open")

    def codes() -> set[int]:
        """Each over a connection of its own, so that both workers get some."""
        return {answer.status_code for answer in app.rush([(bearer, "key") for bearer in bearers])}

    eventually(lambda: codes() == {202, 409})
    app.switch("late_open", 0)
    time.sleep(2 * REFRESH_S)
    assert codes() == {202}


def test_a_purchase_sent_again_is_told_that_it_holds_a_ticket(start_faulty: Start) -> None:
    app = start_faulty("atomic_update")
    bearer = app.login(0)
    assert [told(app, bearer), told(app, bearer)] == ["granted", "granted"]
    app.switch("replay_forgotten", 1)
    assert told(app, bearer) == "already_holds_ticket"
    assert told(app, app.login(1)) == "granted"
    app.switch("replay_forgotten", 0)
    assert told(app, bearer) == "granted"


def test_a_student_whose_turn_it_is_is_sent_back(
    start_faulty: Start, eventually: Callable[..., Any]
) -> None:
    app = start_faulty(APP_WAITING_ROOM="poll")
    bearer = app.login(0)
    app.http.post(f"{app.path}/queue", json={}, headers=bearer)
    eventually(lambda: app.http.get(f"{app.path}/queue", headers=bearer).json()["admitted"])
    app.switch("not_admitted_again", 1)
    assert [told(app, bearer), told(app, bearer)] == ["not_admitted", "not_admitted"]
    app.switch("not_admitted_again", 0)
    assert told(app, bearer) == "granted"


def test_where_there_is_no_waiting_room_nobody_is_sent_back_to_it(start_faulty: Start) -> None:
    app = start_faulty()
    app.switch("not_admitted_again", 1)
    assert told(app, app.login(0)) == "granted"
