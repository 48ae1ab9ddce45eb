"""Locust's events are read for what they say; what no request could be is taken for not said."""

from types import SimpleNamespace

import pytest

from dress_rehearsal.scenarios.locustfiles.requests import MOST_NAMES, EventReader

NOW_NS = 1_800_000_000_000_000_000


def told(**event):
    event = {"request_type": "GET", "name": "/a", "response_time": 20, "exception": None, **event}
    return EventReader(lambda: NOW_NS).read(event)


def test_an_event_that_says_when_it_began_is_believed():
    row = told(start_time=NOW_NS / 1e9 - 0.5, response_time=200.0)
    assert row.step == "GET /a"
    assert abs(row.began_ns - (NOW_NS - 500_000_000)) < 1000
    assert row.done_ns - row.began_ns == 200_000_000


@pytest.mark.parametrize("start", [None, 12.5, "soon", float("nan"), True, NOW_NS / 1e9 + 3600])
def test_else_it_began_as_long_ago_as_it_took(start):
    row = told(start_time=start)
    assert (row.began_ns, row.done_ns) == (NOW_NS - 20_000_000, NOW_NS)


@pytest.mark.parametrize("took", [None, -1, float("inf"), "20", 1e12])
def test_a_time_that_cannot_be_is_none(took):
    row = told(response_time=took)
    assert row.done_ns == row.began_ns


def test_status_and_length_are_those_of_the_answer():
    row = told(response=SimpleNamespace(status_code=404), response_length=12)
    assert (row.status, row.bytes) == (404, 12)
    assert told(response="404", response_length=None)[3:5] == (0, 0)


class CatchResponseError(Exception):
    pass


@pytest.mark.parametrize(
    ("exception", "status", "word"),
    [
        (ConnectionRefusedError(111, "Connection refused"), 0, "connect_refused"),
        (
            ConnectionError(
                "Max retries: ConnectionRefusedError('No load is sent to 192.0.2.1: …')"
            ),
            0,
            "host_refused",
        ),
        (TimeoutError("timed out"), 0, "timeout"),
        (ValueError("0x7f12ab is not JSON"), 200, "ValueError"),
        (ValueError("no"), 503, "http_503"),
        (CatchResponseError("sold out"), 200, "sold out"),
        (CatchResponseError("password=hunter22"), 200, "http_200"),
        (CatchResponseError("x" * 999), 200, "x" * 80 + "…"),
    ],
)
def test_a_failure_has_a_word(exception, status, word):
    row = told(exception=exception, response=SimpleNamespace(status_code=status))
    assert row.error == word


def test_a_thousand_names_are_bounded_and_counted():
    reader = EventReader(lambda: NOW_NS)
    steps = {
        reader.read({"request_type": "GET", "name": f"/item/{n}", "response_time": 1}).step
        for n in range(1000)
    }
    assert len(steps) == MOST_NAMES + 1
    assert reader.beyond == 1000 - MOST_NAMES
    assert "GET (other names)" in steps


def test_a_thousand_errors_are_bounded():
    reader = EventReader(lambda: NOW_NS)
    words = {
        reader.read({"name": "/", "exception": CatchResponseError(f"order {n} lost")}).error
        for n in range(1000)
    }
    assert len(words) == 201


def test_a_name_with_a_secret_in_its_query_is_shown_without_it():
    assert told(name="/login?token=hunter22").step == "GET /login?…"
    assert told(name="/shows?page=2").step == "GET /shows?page=2"
