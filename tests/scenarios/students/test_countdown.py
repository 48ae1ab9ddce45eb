"""The wait for the opening: who counts down, who reloads until it answers, and bots."""

import time
from itertools import pairwise

import pytest

from dress_rehearsal.records.tables import ABANDONED, NS_PER_S

PAGE, COUNTDOWN = "GET /events/{event}", "GET /events/{event}/countdown"
BUY = "POST /events/{event}/tickets"
REFRESHING = {
    "students__refreshers": "100%",
    "students__refresh_from": "500ms",
    "students__refresh_every": "100ms",
    "schedule__lead": "1s",
}
BOTS = {
    "students__bots": "100%",
    "students__bots_from": "300ms",
    "students__bot_pause": "20ms",
    "schedule__lead": "1s",
}


def since_t0_s(rush, requests, step):
    rows = requests[requests.step == step]
    return ((rows.intended_ns - rush.t0_ns) / NS_PER_S).tolist()


def test_whoever_refreshes_reloads_until_the_page_answers_after_t0_then_clicks(
    server, play, make_rush, small_plan, ticket_office
):
    server.respond = ticket_office(3)
    rush = make_rush(small_plan(event__students=3, **REFRESHING))
    outcomes, requests = play(rush)
    assert outcomes == ["ticket"] * 3
    for _, own in requests.groupby("student"):
        reloads = since_t0_s(rush, own, PAGE)[1:]
        assert len(reloads) >= 2
        assert reloads[0] >= -0.5
        assert all(after - before > 0.06 for before, after in pairwise(reloads))
        assert [moment >= 0 for moment in reloads].count(True) == 1, "the first answer is enough"
        (click,) = since_t0_s(rush, own, BUY)
        assert click > reloads[-1]


def test_a_page_that_does_not_answer_is_reloaded_and_the_one_before_given_up(
    server, play, make_rush, small_plan, ticket_office
):
    office, rush = ticket_office(1), make_rush(small_plan(**REFRESHING))
    slow_until_ns = 0

    def slow_page(request, peer):
        if request.path == "/events/festival" and time.time_ns() < slow_until_ns:
            time.sleep(0.4)
        return office(request, peer)

    server.respond = slow_page
    t0_ns = time.time_ns() + NS_PER_S
    slow_until_ns = t0_ns + NS_PER_S // 4
    outcomes, requests = play(rush, t0_ns)
    pages = requests[requests.step == PAGE]
    assert outcomes == ["ticket"]
    assert (pages.error == ABANDONED).sum() >= 2
    assert pages.outcome.tolist()[-1] == "ok"
    received = [each for each in server.received if each.path == "/events/festival"]
    assert len(received) == len(pages), "the target had each of them to do"


def test_who_never_gets_the_page_gives_up(server, play, make_rush, small_plan, respond):
    def broken(request, _peer):
        page = request.path == "/events/festival"
        return respond(503, {"code": "busy"}) if page else respond(200, {"token": "t"})

    server.respond = broken
    rush = make_rush(small_plan(**REFRESHING, students__patience="50ms", students__patient="0%"))
    outcomes, requests = play(rush)
    assert outcomes == ["gave_up"]
    assert BUY not in set(requests.step)


def test_a_bot_asks_on_and_on_and_clicks_at_t0(server, play, make_rush, small_plan, ticket_office):
    t0_ns = time.time_ns() + NS_PER_S
    server.respond = ticket_office(2, opens_at_ns=t0_ns)
    rush = make_rush(small_plan(event__students=2, **BOTS))
    outcomes, requests = play(rush, t0_ns)
    assert outcomes == ["ticket"] * 2
    assert set(requests.journey) == {"bot"}
    for _, own in requests.groupby("student"):
        assert since_t0_s(rush, own, BUY)[0] == 0
        asked = since_t0_s(rush, own, COUNTDOWN)
        assert min(asked) >= -0.3
        assert len(asked) >= 2


def test_a_bot_that_is_told_to_come_later_or_meets_errors_tries_on_at_once(
    server, play, make_rush, small_plan, respond, ticket_office
):
    office = ticket_office(1)
    office.refuse = [respond(503, {"code": "busy"})] * 3 + [respond(409, {"code": "too_early"})]
    server.respond = office
    rush = make_rush(
        small_plan(**BOTS, students__retry="0%", students__attempts=1, students__early_retry="9s")
    )
    outcomes, requests = play(rush)
    clicks = since_t0_s(rush, requests, BUY)
    assert outcomes == ["ticket"]
    assert len(clicks) == 5


def test_a_bot_does_not_care_how_often_it_may_ask_for_its_place(
    server, play, make_rush, small_plan, queue_office
):
    t0_ns = time.time_ns() + NS_PER_S
    server.respond = queue_office(1, t0_ns + NS_PER_S // 2)
    rush = make_rush(small_plan(**BOTS, app__waiting_room="poll"))
    outcomes, requests = play(rush, t0_ns)
    asked = since_t0_s(rush, requests, "GET /events/{event}/queue")
    assert outcomes == ["ticket"]
    between = [after - before for before, after in pairwise(asked)]
    assert min(between) < 0.1, "which is how long it is asked to wait"


def test_the_last_minute_is_asked_for_more_often(
    server, play, make_rush, small_plan, ticket_office
):
    server.respond = ticket_office(1)
    often = {"students__last_poll": "100ms", "schedule__lead": "1s"}
    rush = make_rush(small_plan(**often))
    _, requests = play(rush)
    assert len(since_t0_s(rush, requests, COUNTDOWN)) >= 2
    _, usual = play(make_rush(small_plan(schedule__lead="1s")))
    assert not since_t0_s(rush, usual, COUNTDOWN)


@pytest.mark.parametrize(("share", "looks"), [("0%", 1), ("100%", 2)])
def test_a_holder_may_open_the_code_twice(
    server, play, make_rush, small_plan, ticket_office, share, looks
):
    server.respond = ticket_office(1)
    rush = make_rush(small_plan(students__qr_refetch=share))
    outcomes, requests = play(rush)
    assert outcomes == ["ticket"]
    opened = requests[requests.step == "GET /tickets/{ticket}/qr"]
    assert len(opened) == looks
    assert set(opened.outcome) == {"ok"}


def test_a_student_of_a_later_slot_comes_logs_in_and_clicks_later(
    server, play, make_rush, small_plan, ticket_office
):
    server.respond = ticket_office(4)
    slots = {"students__slot_size": 2, "students__slot_every": "600ms"}
    rush = make_rush(small_plan(event__students=4, **slots))
    outcomes, requests = play(rush)
    assert outcomes == ["ticket"] * 4
    clicks = requests[requests.step == BUY].set_index("student").intended_ns
    late_s = (clicks - rush.t0_ns) / NS_PER_S
    for student in range(4):
        assert late_s[student] - rush.habits.slot_s[student] >= 0.049


def test_an_early_click_by_a_wrong_clock_is_refused_and_made_again(
    server, play, make_rush, small_plan, ticket_office
):
    t0_ns = time.time_ns() + NS_PER_S
    server.respond = ticket_office(12, opens_at_ns=t0_ns)
    wrong = {"students__wrong_clocks": "100%", "students__clock_error": "300ms"}
    rush = make_rush(small_plan(event__students=12, schedule__lead="1s", **wrong))
    outcomes, requests = play(rush, t0_ns)
    early = requests[(requests.step == BUY) & (requests.error == "too_early")]
    assert outcomes == ["ticket"] * 12
    assert len(early)
    assert (early.outcome == "refused").all()
