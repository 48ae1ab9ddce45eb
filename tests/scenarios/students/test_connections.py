"""A browser's connections: how many are open is counted once, whoever closes them."""

import time

import gevent
import pytest

from dress_rehearsal.scenarios.recorder import OK
from dress_rehearsal.scenarios.students.browser import Browser


@pytest.mark.parametrize("warm", [False, True])
def test_a_browser_that_closes_leaves_a_request_under_way_its_answer_and_counts_it_once(
    make_rush, small_plan, server, respond, warm
):
    """So it is with a request that a scenario sends beside its method, from a greenlet."""
    rush = make_rush(small_plan())
    rush.open_at(time.time_ns())
    browser = Browser(rush, 0)
    server.respond = lambda request, peer: respond(200, {})
    if warm:
        browser.page(time.time_ns())
        assert rush.connections == 1
    server.respond = lambda request, peer: time.sleep(0.3) or respond(200, {})
    aside = gevent.spawn(browser.page, time.time_ns())
    gevent.sleep(0.1)
    browser.close()
    assert aside.get(timeout=5).outcome == OK
    assert rush.connections == rush.in_flight == 0


def test_what_is_asked_after_a_browser_has_closed_leaves_no_connection_open(
    make_rush, small_plan, server, respond
):
    rush = make_rush(small_plan())
    rush.open_at(time.time_ns())
    browser = Browser(rush, 0)
    server.respond = lambda request, peer: respond(200, {})
    browser.page(time.time_ns())
    browser.close()
    assert browser.page(time.time_ns()).outcome == OK
    assert rush.connections == 0
