"""Journeys against a real sale: each kind of student ends where the rules say."""

import time

import pytest


def steps(requests):
    return requests.sort_values(["student", "seq"])["step"].tolist()


def test_an_eager_student_gets_a_ticket_and_opens_its_code(
    server, play, make_rush, small_plan, ticket_office
):
    server.respond = ticket_office(1)
    rush = make_rush(small_plan())
    outcomes, requests = play(rush)
    assert outcomes == ["ticket"]
    assert steps(requests) == [
        "GET /events/{event}",
        "POST /login",
        "POST /events/{event}/tickets",
        "GET /tickets/{ticket}",
        "GET /tickets/{ticket}/qr",
    ]
    assert len(server.received) == len(requests), "the server saw each recorded request, once"
    assert rush.census.table()["issued_ns"].null_count == 0


def test_a_click_before_t0_is_refused_and_made_again(
    server, play, make_rush, small_plan, ticket_office
):
    t0_ns = time.time_ns() + 400_000_000
    server.respond = ticket_office(1, opens_at_ns=t0_ns)
    early = {"students__click_offset": "0s", "schedule__lead": "300ms"}
    outcomes, requests = play(make_rush(small_plan(**early)), t0_ns - 50_000_000)
    clicks = requests[requests.step == "POST /events/{event}/tickets"]
    assert outcomes == ["ticket"]
    assert clicks.error.tolist()[0] == "too_early"
    assert clicks.outcome.tolist()[-1] == "ok"


def test_the_last_ones_are_told_that_it_is_sold_out(
    server, play, make_rush, small_plan, ticket_office
):
    server.respond = ticket_office(2)
    outcomes, _ = play(make_rush(small_plan(event__students=5)))
    assert sorted(outcomes) == ["sold_out"] * 3 + ["ticket"] * 2


def test_an_outsider_is_refused(server, play, make_rush, small_plan, respond, ticket_office):
    office = ticket_office(1)
    office.refuse = [respond(403, {"code": "not_enrolled"})]
    server.respond = office
    outcomes, _ = play(make_rush(small_plan(students__outsiders="100%")))
    assert outcomes == ["refused"]


def test_a_late_student_comes_after_t0(server, play, make_rush, small_plan, ticket_office):
    server.respond = ticket_office(1)
    rush = make_rush(small_plan(students__late="100%"))
    outcomes, requests = play(rush)
    assert outcomes == ["ticket"]
    assert requests.intended_ns.min() > rush.t0_ns


def test_a_double_clicker_sends_copies_and_holds_one_ticket(
    server, play, make_rush, small_plan, ticket_office
):
    server.respond = office = ticket_office(10)
    rush = make_rush(small_plan(event__students=6, students__double_clickers="100%"))
    outcomes, requests = play(rush)
    clicks = requests[requests.step == "POST /events/{event}/tickets"]
    assert set(outcomes) == {"ticket"}
    assert len(office.holders) == 6
    assert len(clicks) == 6 + rush.timetable.copies.sum()
    assert clicks.groupby("student").device.nunique().min() >= 2
    assert rush.census.table()["issued_ns"].null_count == 0


def test_an_error_is_tried_again_with_the_same_key(
    server, play, make_rush, small_plan, respond, ticket_office
):
    server.respond = office = ticket_office(1)
    office.refuse = [respond(503, {"code": "overloaded"}), respond(500, b"oops")]
    outcomes, requests = play(make_rush(small_plan()))
    clicks = [r for r in server.received if r.path.endswith("/tickets")]
    assert outcomes == ["ticket"]
    assert len({r.headers["idempotency-key"] for r in clicks}) == 1
    assert requests[requests.outcome == "failed"].error.tolist() == ["overloaded", "http_500"]


def test_what_failed_is_in_the_live_percentile_and_not_in_that_of_good_answers(
    server, play, make_rush, small_plan, respond, ticket_office
):
    server.respond = office = ticket_office(1)
    office.refuse = [respond(503, {"code": "overloaded"})]
    rush = make_rush(small_plan())
    _, requests = play(rush)
    wanted = requests[requests.error != "abandoned"]
    recent = rush.recorder.recent
    felt, good = (sum(map(len, batches)) for batches in (recent.felt_ns, recent.good_ns))
    assert felt == len(wanted)
    assert good == int(wanted.outcome.isin(["ok", "refused"]).sum())
    assert felt - good == 1


def test_one_who_does_not_try_again_has_failed(
    server, play, make_rush, small_plan, respond, ticket_office
):
    server.respond = office = ticket_office(1)
    office.refuse = [respond(500, b"oops")]
    outcomes, _ = play(make_rush(small_plan(students__retry="0%")))
    assert outcomes == ["failed"]


def test_a_lost_answer_leaves_it_unknown_whether_there_is_a_ticket(
    server, play, make_rush, small_plan, ticket_office
):
    """The sale sells and the connection is cut: the student may hold a ticket."""
    office = ticket_office(1)
    server.respond = lambda request, peer: (
        office(request, peer)[:0] if request.path.endswith("/tickets") else office(request, peer)
    )
    outcomes, requests = play(make_rush(small_plan(students__retry="0%")))
    assert outcomes == ["unknown"]
    assert len(office.holders) == 1
    assert requests[requests.outcome == "unknown"].error.tolist() == ["connection_lost"]


def test_who_hears_of_a_ticket_that_no_answered_click_was_granted_is_refused(
    server, play, make_rush, small_plan, respond, ticket_office
):
    server.respond = office = ticket_office(1)
    office.refuse = [respond(409, {"code": "already_holds_ticket"})]
    outcomes, _ = play(make_rush(small_plan()))
    assert outcomes == ["refused"]


def test_patience_and_attempts_end(server, play, make_rush, small_plan, respond, ticket_office):
    server.respond = office = ticket_office(1)
    office.refuse = [respond(409, {"code": "too_early"})] * 50
    outcomes, requests = play(make_rush(small_plan(students__attempts=3)))
    assert outcomes == ["gave_up"]
    assert steps(requests).count("POST /events/{event}/tickets") == 3


def test_whoever_waits_when_the_rush_closes_is_in_flight(
    server, play, make_rush, small_plan, respond, ticket_office
):
    server.respond = office = ticket_office(1)
    office.refuse = [respond(503, {"code": "overloaded"})] * 500
    outcomes, _ = play(make_rush(small_plan(schedule__sale="300ms", students__attempts=100)))
    assert outcomes == ["in_flight"]


def test_a_wrong_pin_refuses_the_student(server, play, make_rush, small_plan, respond):
    server.respond = lambda request, peer: (
        respond(401, {"code": "bad_credentials"})
        if request.path == "/login"
        else respond(200, {"state": "waiting"})
    )
    outcomes, _ = play(make_rush(small_plan()))
    assert outcomes == ["refused"]


def test_a_poll_that_hangs_does_not_hold_the_click_back(
    server, play, make_rush, small_plan, ticket_office
):
    office = ticket_office(1)

    def hang_on_countdown(request, peer):
        if request.path.endswith("/countdown"):
            time.sleep(0.6)
        return office(request, peer)

    server.respond = hang_on_countdown
    rush = make_rush(
        small_plan(
            students__countdown_poll="20ms",
            students__login_before="0%",
            students__login_at_open="300ms",
        )
    )
    outcomes, requests = play(rush)
    assert outcomes == ["ticket"]
    assert "abandoned" in requests.error.tolist()
    click = requests[requests.step == "POST /events/{event}/tickets"].iloc[0]
    assert click.sent_ns - click.intended_ns < 100e6


def test_a_page_that_is_late_makes_no_late_generator(
    server, play, make_rush, small_plan, ticket_office
):
    """Nobody logs in on a page that is not there: its slowness is its own, once."""
    office = ticket_office(1)

    def slow_page(request, peer):
        if (
            request.method == "GET"
            and request.path.startswith("/events/")
            and request.path.count("/") == 2
        ):
            time.sleep(1.5)
        return office(request, peer)

    server.respond = slow_page
    plan = small_plan(students__login_before="0%", students__login_at_open="50ms")
    outcomes, requests = play(make_rush(plan))
    assert outcomes == ["ticket"]
    both = ("GET /events/{event}", "POST /login")
    page, login = (requests[requests.step == step].iloc[0] for step in both)
    assert page.done_ns - page.intended_ns >= 1.5e9
    assert login.intended_ns >= page.done_ns
    assert login.sent_ns - login.intended_ns < 1e9


@pytest.mark.parametrize("body", [b"", b"[]", b"{broken", b'{"state": "x"}'])
def test_a_grant_without_a_ticket_settles_nothing(
    server, play, make_rush, small_plan, respond, ticket_office, body
):
    server.respond = office = ticket_office(1)
    office.refuse = [respond(202, body)]
    outcomes, _ = play(make_rush(small_plan()))
    assert outcomes == ["ticket"], "the student clicks again and gets one"
