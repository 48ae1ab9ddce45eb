"""A browser's connections: how many are open is counted once, whoever closes them."""

import time

import gevent
import pytest

from dress_rehearsal.scenarios.students.browser import Browser


@pytest.mark.parametrize("warm", [False, True])
def test_a_browser_that_closes_while_a_request_is_under_way_counts_it_once(
    make_rush, small_plan, server, respond, warm
):
    """So it is with a request that a scenario sends beside its method, from a greenlet."""
    rush = make_rush(small_plan(students__timeout="0.3s"))
    rush.open_at(time.time_ns())
    browser = Browser(rush, 0)
    server.respond = lambda request, peer: respond(200, {})
    if warm:
        browser.page(time.time_ns())
        assert rush.connections == 1
    server.respond = lambda request, peer: time.sleep(1) or b""
    aside = gevent.spawn(browser.page, time.time_ns())
    gevent.sleep(0.1)
    browser.close()
    assert aside.get(timeout=5).code == "timeout"
    assert rush.connections == 0
