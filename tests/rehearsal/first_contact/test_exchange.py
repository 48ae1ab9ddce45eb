"""One exchange after the other, sent by the students' own client and kept to be shown."""

import time

import pytest

from dress_rehearsal.rehearsal.first_contact.discretion import Discretion
from dress_rehearsal.rehearsal.first_contact.exchange import TooManyRequestsError, Wire
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.client.session import Client
from tests.rehearsal.first_contact.served import served

SECRET = "q7Hd-4711-SENTINEL-Zm9vYmFy"


@pytest.fixture
def wire():
    made = []

    def make(url, timeout_s=2.0):
        made.append(Wire(Origin.of(url), timeout_s, Discretion()))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_an_exchange_is_kept_with_its_step_status_time_and_size(wire):
    with served({"/shows/7": "hello"}) as app:
        kept = wire(app.url)
        client = Client(kept.origin, kept.perform)
        begun_s = time.monotonic()
        answer = client.get("/shows/7")
        took_ms = (time.monotonic() - begun_s) * 1e3
        missing = client.post("/orders", data={"a": "1"}, name="POST /orders")
    assert (answer.status, answer.text) == (200, "hello")
    assert missing.status == 404
    first, second = kept.exchanged
    assert (first.step, first.target, first.status) == ("GET /shows/{id}", "GET /shows/7", 200)
    assert first.body_bytes == 5
    assert 0 < first.took_ms < took_ms
    assert (second.target, second.sent, second.status) == ("POST /orders", b"a=1", 404)


def test_what_does_not_answer_has_no_status_but_a_word(wire):
    with served({}) as app:
        pass
    kept = wire(app.url)
    assert Client(kept.origin, kept.perform).get("/").status == 0
    assert [(each.status, each.error) for each in kept.exchanged] == [(0, "connect_refused")]


def test_a_key_that_is_sent_is_not_shown_where_it_comes_back(wire):
    with served({"/echo": f"you sent {SECRET}"}) as app:
        kept = wire(app.url)
        Client(kept.origin, kept.perform).get("/echo", headers={"X-Key": SECRET})
    (exchanged,) = kept.exchanged
    assert kept.discretion.shown(exchanged.body.decode(), 99) == "you sent …"


def test_who_asks_for_ever_is_stopped(wire):
    with served({"/": "x"}) as app:
        kept = wire(app.url)
        client = Client(kept.origin, kept.perform)
        with pytest.raises(TooManyRequestsError):
            while True:
                client.get("/")
        assert len(app.asked) == 100
