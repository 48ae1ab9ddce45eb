"""The waiting room: students join, wait by polling or by stream, and learn how it ends."""

import json
import time

import pytest

JOIN, QUEUE = "POST /events/{event}/queue", "GET /events/{event}/queue"
STREAM, BUY = "GET /events/{event}/queue/stream", "POST /events/{event}/tickets"
ROOMS = pytest.mark.parametrize(("room", "step"), [("poll", QUEUE), ("sse", STREAM)])


@pytest.fixture
def make_queue(make_rush, small_plan, server, queue_office):
    """A rush through a waiting room whose doors open so long after T-0."""

    def make(room, opens_s=0.2, tickets=5, **overrides):
        t0_ns = time.time_ns() + 300_000_000
        server.respond = office = queue_office(tickets, t0_ns + round(opens_s * 1e9))
        plan = {
            "app__waiting_room": room,
            "students__countdown_poll": "100ms",
            "schedule__lead": "300ms",
        }
        return make_rush(small_plan(**plan | overrides)), office, t0_ns

    return make


@ROOMS
def test_a_student_joins_before_t0_and_buys_once_let_in(make_queue, server, play, room, step):
    rush, office, t0_ns = make_queue(room)
    outcomes, requests = play(rush, t0_ns)
    assert outcomes == ["ticket"]
    order = list(dict.fromkeys(requests.step))
    assert order[:5] == ["GET /events/{event}", "POST /login", JOIN, step, BUY]
    assert requests[requests.step == JOIN].done_ns.max() < t0_ns
    assert requests[requests.step == BUY].sent_ns.min() >= office.lets_in_at_ns
    assert len(server.received) == len(requests)


def test_polls_come_as_often_as_the_target_asks(make_queue, play):
    rush, _, t0_ns = make_queue("poll", opens_s=0.5)
    _, requests = play(rush, t0_ns)
    polls = requests[requests.step == QUEUE]
    gaps_ns = polls.intended_ns.to_numpy()[1:] - polls.done_ns.to_numpy()[:-1]
    assert (gaps_ns == 100e6).all()


def test_a_stream_is_one_row_that_ends_with_the_event_that_decides(make_queue, play):
    rush, office, t0_ns = make_queue("sse")
    _, requests = play(rush, t0_ns)
    (stream,) = requests[requests.step == STREAM].itertuples()
    assert (stream.outcome, stream.status) == ("ok", 200)
    assert 0 <= stream.done_ns - office.lets_in_at_ns < 150e6
    assert stream.first_byte_ns < t0_ns
    assert stream.bytes > 200, "every heartbeat counts"
    assert rush.connections == 0
    click = requests[requests.step == BUY].iloc[0]
    assert not click.new_connection, "the stream had ended, so its connection serves again"


def test_a_cut_stream_goes_on_where_it_ended(make_queue, server, play):
    rush, office, t0_ns = make_queue("sse")
    office.cut = 2
    outcomes, requests = play(rush, t0_ns)
    streams = requests[requests.step == STREAM]
    assert outcomes == ["ticket"]
    assert streams.error.tolist()[:2] == ["connection_lost", "connection_lost"]
    assert streams.outcome.tolist() == ["unknown", "unknown", "ok"]
    assert (streams.bytes > 0).all()
    pauses_ns = streams.intended_ns.to_numpy()[1:] - streams.done_ns.to_numpy()[:-1]
    assert (pauses_ns == 100e6).all(), "as the stream had asked"
    ids = [r.headers.get("last-event-id") for r in server.received if r.path.endswith("stream")]
    assert ids == [None, "p7", "p7"]


@ROOMS
def test_those_waiting_learn_that_it_is_sold_out(make_queue, server, play, room, step):
    rush, office, t0_ns = make_queue(room, opens_s=60, event__students=4)

    def sell_out_after_t0(request, peer):
        office.sold_out = time.time_ns() > t0_ns + 100_000_000
        return office(request, peer)

    def stream_sells_out(request, peer):
        office.lets_in_at_ns = t0_ns + 100_000_000
        office.sold_out = True
        return office(request, peer)

    server.respond = sell_out_after_t0 if room == "poll" else stream_sells_out
    outcomes, requests = play(rush, t0_ns)
    assert outcomes == ["sold_out"] * 4
    told = requests[requests.error == "sold_out"]
    assert sorted(told.student) == [0, 1, 2, 3]
    assert set(told.outcome) == {"refused"}
    assert BUY not in set(requests.step)


@ROOMS
def test_a_click_that_is_not_admitted_goes_back_to_the_queue(
    make_queue, respond, server, play, room, step
):
    rush, office, t0_ns = make_queue(room)
    office.refuse = [respond(403, {"code": "not_admitted"})]
    outcomes, requests = play(rush, t0_ns)
    assert outcomes == ["ticket"]
    clicks = requests[requests.step == BUY]
    assert clicks.outcome.tolist() == ["refused", "ok"]
    between = requests.iloc[clicks.index[0] + 1 : clicks.index[1]]
    assert between.step.tolist()[0] == JOIN
    ids = [r.headers.get("last-event-id") for r in server.received if r.path.endswith("stream")]
    assert set(ids) <= {None}, "a new wait is a new stream"


def test_a_lost_place_is_taken_anew(make_queue, respond, play):
    rush, office, t0_ns = make_queue("poll")
    office.answers = [respond(409, {"code": "not_in_queue"})]
    outcomes, requests = play(rush, t0_ns)
    assert outcomes == ["ticket"]
    assert requests[requests.step == QUEUE].outcome.tolist()[0] == "refused"
    assert requests.step.tolist().count(JOIN) == 2


def test_a_page_polls_on_through_errors_but_not_for_ever(make_queue, respond, play):
    rush, office, t0_ns = make_queue("poll", students__attempts=3)
    office.answers = [respond(503, {"code": "overloaded"})] * 2
    outcomes, _ = play(rush, t0_ns)
    assert outcomes == ["ticket"]
    rush, office, t0_ns = make_queue("poll", students__attempts=3)
    office.answers = [respond(503, {"code": "overloaded"})] * 3
    outcomes, _ = play(rush, t0_ns)
    assert outcomes == ["failed"]


def test_a_queue_jumper_claims_to_be_first(make_queue, server, play):
    everybody = {"students__queue_jumpers": "100%", "students__multi_device": "0%"}
    rush, _, t0_ns = make_queue("poll", event__students=3, **everybody)
    outcomes, requests = play(rush, t0_ns)
    assert outcomes == ["ticket"] * 3
    assert set(requests.journey) == {"queue-jumper"}
    joins = [r for r in server.received if (r.method, r.path[-6:]) == ("POST", "/queue")]
    assert [json.loads(r.body) for r in joins] == [{"position": 1}] * 3


@ROOMS
def test_whoever_still_waits_when_the_rush_closes_is_in_flight(make_queue, play, room, step):
    rush, _, t0_ns = make_queue(room, opens_s=60, schedule__sale="300ms")
    outcomes, requests = play(rush, t0_ns)
    assert outcomes == ["in_flight"]
    if room == "sse":
        (stream,) = requests[requests.step == STREAM].itertuples()
        assert (stream.outcome, stream.error) == ("unknown", "abandoned")
        assert abs(stream.done_ns - rush.closed_ns) < 100e6


@ROOMS
def test_patience_ends_in_the_queue_too(make_queue, play, room, step):
    patience = {"students__patience": "0s", "students__patient": "0%"}  # so it lasts one second
    rush, _, t0_ns = make_queue(room, opens_s=60, **patience)
    outcomes, requests = play(rush, t0_ns)
    assert outcomes == ["gave_up"]
    assert requests.done_ns.max() < rush.at(1.2)


def test_a_student_who_logs_in_at_t0_joins_then(make_queue, play):
    late = {"students__login_before": "0%", "students__login_at_open": "100ms"}
    rush, _, t0_ns = make_queue("poll", **late)
    outcomes, requests = play(rush, t0_ns)
    assert outcomes == ["ticket"]
    assert requests[requests.step == JOIN].sent_ns.min() > t0_ns


def test_an_outsider_who_is_let_in_is_still_refused(make_queue, respond, play):
    rush, office, t0_ns = make_queue("poll", students__outsiders="100%")
    office.refuse = [respond(403, {"code": "not_enrolled"})]
    outcomes, _ = play(rush, t0_ns)
    assert outcomes == ["refused"]
