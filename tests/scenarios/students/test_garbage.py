"""What was cut leaves no garbage behind: to look for it amid a rush holds everybody up."""

import gc
import time

import pytest

from dress_rehearsal.scenarios.buyer import Buyer
from dress_rehearsal.scenarios.students.browser import Browser

GIVE_UP_NS = 50_000_000
TIMES = 3


class Raises(Buyer):
    """A scenario with a defect."""

    def arrive(self):
        self.client.get("/page")
        raise ZeroDivisionError


def left_by(act):
    """Return what of ours is found to be garbage after some acts, by the names of its types."""
    act()
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(TIMES):
            act()
        gc.collect()
        kinds = [type(each) for each in gc.garbage]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    return [kind.__name__ for kind in kinds if kind.__module__.startswith("dress_rehearsal")]


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: "


@pytest.fixture
def browser(make_rush, small_plan, server):
    """Make a browser that gets some bytes as an answer, and is hung up on after that, or never."""

    def make(data=b"", after_s=None, buyer=None):
        def respond(request, peer):
            if after_s is None:
                return data
            peer.sendall(data)
            time.sleep(after_s)
            return b""

        server.respond = respond
        rush = make_rush(small_plan(students__timeout="100ms"))
        rush.buyer = rush.buyer if buyer is None else buyer
        rush.open_at(time.time_ns())
        return Browser(rush, 0)

    return make


@pytest.mark.parametrize(
    ("data", "after_s", "outcome"),
    [
        pytest.param(HEAD + b"2\r\n\r\n{}", None, "ok", id="an answer"),
        pytest.param(b"", 0.3, "abandoned", id="cut while nothing came"),
        pytest.param(b"nonsense\r\n\r\n", 0.0, "protocol_error", id="no HTTP"),
        pytest.param(HEAD + b"9\r\n\r\n{}", 0.0, "connection_lost", id="half a body"),
        pytest.param(HEAD + b"9\r\n\r\n{}", 0.3, "abandoned", id="cut amid a body"),
        pytest.param(b"", 0.0, "connection_lost", id="hung up on"),
    ],
)
def test_a_reload_that_comes_to_nothing_leaves_none(browser, data, after_s, outcome):
    found = browser(data, after_s)

    def reload():
        now_ns = time.time_ns()
        reply = found.page(now_ns, give_up_ns=now_ns + GIVE_UP_NS)
        assert (reply.code or "ok") == outcome

    assert left_by(reload) == []


def test_a_time_out_leaves_none(browser):
    found = browser(after_s=0.3)
    assert left_by(lambda: found.page(time.time_ns())) == []


def test_a_scenario_s_defect_leaves_none(browser):
    found = browser(HEAD + b"2\r\n\r\n{}", buyer=Raises)
    assert left_by(lambda: found.page(time.time_ns())) == []
