"""Several devices in one student's hands: sessions of their own, one story in the census."""

import threading
import time

import pytest

from dress_rehearsal.scenarios.students.retry import Retry

BUY = "POST /events/{event}/tickets"


def devices_of(request):
    """The device a purchase came from, by its idempotency key."""
    return int(request.headers["idempotency-key"].rsplit("-", 1)[1])


@pytest.fixture
def two_devices(make_rush, small_plan):
    """A rush of one student with two devices."""

    def make(**overrides):
        return make_rush(small_plan(students__multi_device="100%", **overrides))

    return make


def test_each_device_logs_in_and_clicks_at_the_same_instant(
    server, play, make_rush, small_plan, ticket_office
):
    server.respond = office = ticket_office(50)
    several = {
        "students__multi_device": "100%",
        "students__login_before": "100%",  # at T-0 one device's ticket may end another's login
        "schedule__lead": "1s",
    }
    rush = make_rush(small_plan(event__students=12, **several))
    outcomes, requests = play(rush)
    assert outcomes == ["ticket"] * 12
    assert sorted(rush.timetable.devices) == [2] * 10 + [5, 6]
    assert len(office.holders) == 12
    logins = requests[requests.step == "POST /login"].groupby("student").device.nunique()
    assert (logins.to_numpy() == rush.timetable.devices).all()
    clicks = requests[requests.step == BUY].groupby("student").intended_ns
    assert (clicks.count().to_numpy() == rush.timetable.devices).all()
    assert ((clicks.max() - clicks.min()) <= 50e6).all()
    keys = [r.headers["idempotency-key"] for r in server.received if r.path.endswith("/tickets")]
    assert len(set(keys)) == rush.timetable.devices.sum()
    assert not requests.duplicated(["student", "seq"]).any()
    assert set(requests.journey) == {"multi-device"}
    looked = requests[requests.step == "GET /tickets/{ticket}/qr"]
    assert sorted(looked.student) == list(range(12)), "each looks at the ticket once"
    assert rush.connections == 0


@pytest.mark.parametrize("granted", [0, 1])
def test_a_slow_grant_counts_though_the_other_device_heard_first(
    server, play, two_devices, ticket_office, granted
):
    office, sold = ticket_office(5), threading.Event()

    def answer_the_granted_late(request, peer):
        if not request.path.endswith("/tickets"):
            return office(request, peer)
        if devices_of(request) == granted:
            reply = office(request, peer)
            sold.set()
            time.sleep(0.3)
            return reply
        sold.wait()
        return office(request, peer)

    server.respond = answer_the_granted_late
    outcomes, requests = play(two_devices())
    assert outcomes == ["ticket"]
    clicks = requests[requests.step == BUY].set_index("device")
    assert clicks.error[1 - granted] == "already_holds_ticket"
    assert clicks.done_ns[1 - granted] < clicks.done_ns[granted]


@pytest.mark.parametrize("granted", [0, 1])
def test_a_grant_whose_answer_is_lost_leaves_it_unknown(
    server, play, two_devices, ticket_office, granted
):
    office, sold = ticket_office(5), threading.Event()

    def lose_the_grant(request, peer):
        if request.path.endswith("/tickets"):
            if devices_of(request) == granted:
                office(request, peer)
                sold.set()
                return b""
            sold.wait()
        return office(request, peer)

    server.respond = lose_the_grant
    outcomes, _ = play(two_devices(students__retry="0%"))
    assert outcomes == ["unknown"]
    assert len(office.holders) == 1


@pytest.mark.parametrize("told", [0, 1])
def test_a_final_no_on_one_device_ends_the_wait_on_the_other(
    server, play, two_devices, ticket_office, respond, told
):
    """The other one sees errors and would try again in a hundred seconds: nobody plays so long."""
    office = ticket_office(0)
    server.respond = lambda request, peer: (
        respond(503, {"code": "overloaded"})
        if request.path.endswith("/tickets") and devices_of(request) != told
        else office(request, peer)
    )
    rush = two_devices(students__retry_delay="100s", schedule__sale="200s")
    outcomes, _ = play(rush)
    assert outcomes == ["sold_out"]


def test_a_grant_ends_the_wait_of_a_device_in_the_queue(server, play, two_devices, queue_office):
    t0_ns = time.time_ns() + 300_000_000
    open_door, shut_door = queue_office(5, t0_ns + 200_000_000), queue_office(5, 2**62)
    streams = []

    def hold_the_second_stream(request, peer):
        if request.path.endswith("/stream"):
            streams.append(request)
            return (open_door if len(streams) == 1 else shut_door)(request, peer)
        return open_door(request, peer)

    server.respond = hold_the_second_stream
    rush = two_devices(app__waiting_room="sse", schedule__sale="20s")
    outcomes, requests = play(rush, t0_ns)
    streams = requests[requests.step == "GET /events/{event}/queue/stream"]
    assert outcomes == ["ticket"]
    assert sorted(streams.outcome) == ["ok", "unknown"]
    assert streams.error.dropna().tolist() == ["abandoned"]
    assert requests[requests.step == BUY].step.count() == 1


def test_the_last_device_to_fail_decides_when_none_gets_an_answer(
    server, play, two_devices, ticket_office, respond
):
    server.respond = office = ticket_office(1)
    office.refuse = [respond(500, b"oops")] * 2
    outcomes, _ = play(two_devices(students__retry="0%"))
    assert outcomes == ["failed"]


def test_one_device_that_cannot_log_in_leaves_it_to_the_other(
    server, play, two_devices, ticket_office, respond
):
    office, logins = ticket_office(1), []

    def refuse_the_first_login(request, peer):
        if request.path == "/login":
            logins.append(request)
            if len(logins) == 1:
                return respond(500, b"oops")
        return office(request, peer)

    server.respond = refuse_the_first_login
    outcomes, _ = play(two_devices(students__retry="0%"))
    assert outcomes == ["ticket"]


def test_devices_still_waiting_when_the_rush_closes_leave_it_in_flight(
    server, play, two_devices, ticket_office, respond
):
    server.respond = office = ticket_office(1)
    office.refuse = [respond(503, {"code": "overloaded"})] * 500
    outcomes, _ = play(two_devices(schedule__sale="300ms", students__attempts=100))
    assert outcomes == ["in_flight"]


@pytest.fixture
def double_clicker(make_rush, small_plan):
    """A rush of one student who sends two copies of the click."""
    rush = make_rush(
        small_plan(students__double_clickers="100%", schedule__sale="14s", schedule__drain="3s")
    )
    rush.timetable.copies[0] = 2
    return rush


def test_a_copy_that_is_granted_ends_the_pause_before_the_next_click(
    server, play, double_clicker, respond, ticket_office, monkeypatch
):
    pause_ns = 10_000_000_000
    monkeypatch.setattr(Retry, "after_too_early", lambda _, reply: reply.at_ns + pause_ns)
    server.respond = office = ticket_office(1)
    office.refuse = [respond(403, {"code": "too_early"})]
    outcomes, requests = play(double_clicker)
    assert outcomes == ["ticket"]
    assert (requests.step == BUY).sum() == 3, "nobody clicks again with a ticket in hand"
    looked = requests[requests.step.str.startswith("GET /tickets")]
    assert len(looked)
    assert ((looked.sent_ns - looked.intended_ns) < pause_ns // 2).all()


def test_a_granted_copy_is_looked_at_while_another_is_not_answered_yet(
    server, play, double_clicker, respond, ticket_office
):
    office, opened, in_time, clicks = ticket_office(1), threading.Event(), [], []

    def answer(request, peer):
        if request.path.endswith("/qr"):
            opened.set()
        if request.path.endswith("/tickets"):
            clicks.append(request)
            if len(clicks) == 1:
                return respond(409, {"code": "already_holds_ticket"})
            if len(clicks) == 3:
                in_time.append(opened.wait(6))
        return office(request, peer)

    server.respond = answer
    outcomes, _ = play(double_clicker)
    assert outcomes == ["ticket"]
    assert in_time == [True]


@pytest.mark.parametrize("lost", [True, False])
def test_a_copy_whose_answer_is_lost_after_the_device_gave_up_leaves_it_unknown(
    server, play, double_clicker, respond, ticket_office, monkeypatch, lost
):
    """It may have taken effect; where every click was answered with an error, it has not."""
    office, clicks, gave_up = ticket_office(1), [], threading.Event()
    monkeypatch.setattr(Retry, "after_error", lambda _, reply: gave_up.set())

    def answer(request, peer):
        if not request.path.endswith("/tickets"):
            return office(request, peer)
        clicks.append(request)
        if len(clicks) == 1:
            return respond(503, {"code": "overloaded"})
        gave_up.wait(6)
        return b"" if lost else respond(503, {"code": "overloaded"})

    server.respond = answer
    outcomes, requests = play(double_clicker)
    assert len(requests[requests.step == BUY]) == 3
    assert outcomes == ["unknown" if lost else "failed"]
