"""The neighbours: they tell who is enrolled, as slowly and badly as asked, and hear alerts."""

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.target_app.errors import SettingsError
from dress_rehearsal.target_app.neighbours import NeighbourSettings
from tests.target_app.children import Neighbours

GOOD = {
    "NEIGHBOURS_PORT": "8081",
    "NEIGHBOURS_TOKEN": "neighbours-token",
    "NEIGHBOURS_LATENCY": "0.01",
    "NEIGHBOURS_FAILURES": "0",
    "APP_ROSTER_FILE": "/roster.csv",
}


def test_they_tell_who_is_enrolled(neighbours: Any) -> None:
    enrolled = neighbours.http.get("/enrolment/202600000").json()
    outsider = neighbours.http.get("/enrolment/202600124").json()
    nobody = neighbours.http.get("/enrolment/nobody").json()
    assert [enrolled, outsider, nobody] == [
        {"enrolled": True},
        {"enrolled": False},
        {"enrolled": False},
    ]


def test_they_are_as_slow_and_as_broken_as_they_are_told(neighbours: Any) -> None:
    assert neighbours.behave(latency_s=0.2, failures=1.0).json() == {
        "latency_s": 0.2,
        "failures": 1.0,
    }
    began_s = time.monotonic()
    assert neighbours.http.get("/enrolment/202600000").status_code == 500
    assert time.monotonic() - began_s >= 0.2
    neighbours.behave()
    assert neighbours.http.get("/enrolment/202600000").status_code == 200


def test_half_broken_is_half_of_the_answers(neighbours: Any) -> None:
    neighbours.behave(failures=0.5)
    statuses = [neighbours.http.get("/enrolment/202600000").status_code for _ in range(100)]
    assert 30 < statuses.count(500) < 70


def test_a_request_may_ask_to_be_answered_later(neighbours: Any) -> None:
    for text, least_s in (("0.2", 0.2), ("nonsense", 0.0), ("nan", 0.0), ("-5", 0.0)):
        began_s = time.monotonic()
        answer = neighbours.http.get("/enrolment/202600000", headers={"X-Slower-Seconds": text})
        assert answer.status_code == 200
        assert least_s <= time.monotonic() - began_s < least_s + 4


def test_what_not_all_may_do_needs_the_token(neighbours: Any) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        assert neighbours.http.get("/alerts", headers=headers).status_code == 401
        assert neighbours.http.put("/behaviour", json={}, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b'{"latency_s":-1}', b'{"failures":2}', b'{"slow":1}', b'{"failures":"x"}'),
        *(b"[" * 20_000, b'{"failures":"\xff"}', b'{"failures":' + b"9" * 5000 + b"}"),
    ],
)
def test_behaviour_that_is_none_is_refused(neighbours: Any, body: bytes) -> None:
    answer = neighbours.http.put("/behaviour", content=body, headers=neighbours.bearer)
    assert answer.status_code == 400
    assert neighbours.http.post("/alerts", content=body).status_code == 400


def test_alerts_are_kept_in_order_and_nonsense_is_refused(neighbours: Any) -> None:
    told = [{"kind": "a", "message": f"The {number}th.", "t_ns": number} for number in range(3)]
    for alert in told:
        assert neighbours.http.post("/alerts", json=alert).status_code == 204
    assert neighbours.http.post("/alerts", json={"kind": "a"}).status_code == 400
    assert neighbours.alerts() == told


@pytest.mark.servers
def test_they_end_well_when_asked_to(roster_file: Path) -> None:
    neighbours = Neighbours(roster_file)
    try:
        assert neighbours.http.get("/healthz").json() == {"status": "alive"}
        assert neighbours.child.stop(signal.SIGTERM) == 0
        assert neighbours.child.lines == []
    finally:
        neighbours.close()


def test_wrong_settings_are_told_together_and_the_token_is_not_shown() -> None:
    assert NeighbourSettings.read(GOOD).port == 8081
    assert "neighbours-token" not in repr(NeighbourSettings.read(GOOD))
    with pytest.raises(SettingsError) as caught:
        NeighbourSettings.read(
            {"NEIGHBOURS_TOKEN": "hunter2", "NEIGHBOURS_FAILURES": "2", "NEIGHBOURS_LATENCY": "nan"}
        )
    assert caught.value.problems == (
        "NEIGHBOURS_PORT is not set; set it in the environment.",
        "NEIGHBOURS_LATENCY must be a number (it is 'nan').",
        "NEIGHBOURS_FAILURES must be at most 1 (it is '2').",
        "NEIGHBOURS_TOKEN must have at least 8 characters.",
        "APP_ROSTER_FILE is not set; set it in the environment.",
    )
