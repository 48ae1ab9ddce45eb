"""Clicks and logins are called ahead, and what they send leaves when it is due."""

import textwrap
import time

import gevent
import pytest

from dress_rehearsal.scenarios.status import Observer
from dress_rehearsal.scenarios.students.browser import Browser

MS = 1_000_000
SHOP = """
    import time
    from dress_rehearsal.scenarios import Buyer, Granted, Refused

    class Customer(Buyer):
        def log_in(self):
            self.client.post("/login", headers={"Called": str(time.time_ns())})

        def buy(self):
            answer = self.client.post("/orders", headers={"Called": str(time.time_ns())})
            return Granted(answer.json()["id"])
"""
IDLE = """
    from dress_rehearsal.scenarios import Buyer, Refused

    class Customer(Buyer):
        def buy(self):
            return Refused("no_interest")
"""
REFUSED = """
    from dress_rehearsal.scenarios import Buyer

    class Customer(Buyer):
        def log_in(self):
            self.client.get("http://elsewhere.example/")

        def buy(self):
            pass
"""
BESIDE = """
    import gevent
    from dress_rehearsal.scenarios import Buyer, Refused

    class Customer(Buyer):
        def buy(self):
            gevent.joinall([gevent.spawn(self.client.get, path) for path in ("/a", "/b")])
            self.client.post("/orders")
            return Refused("sold_out")
"""
SILENT = """
    from dress_rehearsal.scenarios import Buyer

    class Customer(Buyer):
        def log_in(self):
            pass

        def buy(self):
            pass
"""


@pytest.fixture
def browser_of(tmp_path, server, make_rush, small_plan):
    """Return the rush of a scenario, and a browser of its first student, called 0.5 s ahead."""

    made = []

    def make(scenario):
        file = tmp_path / "shop.py"
        file.write_text(textwrap.dedent(scenario))
        theirs = {"scenario__file": str(file), "target__stage": "external"}
        rush = make_rush(small_plan(target__url=server.url, schedule__sale="30s", **theirs))
        rush.open_at(time.time_ns())
        made.append(Browser(rush, 0))
        return rush, made[-1]

    yield make
    for browser in made:
        browser.close()


def rows_of(rush):
    rush.recorder.flush()
    return rush.recorder._run.request_table().to_pylist()


def test_a_click_is_called_ahead_and_leaves_when_it_is_due(played, server, respond):
    server.respond = lambda request, peer: respond(200, {"id": "T1"})
    times = {"schedule__lead": "2s", "students__click_offset": "300ms"}
    outcomes, rows, _, troubles = played(SHOP, **times)
    assert outcomes == ["ticket"]
    assert not troubles
    [click] = rows[rows["step"] == "POST /orders"].itertuples()
    [asked] = [each for each in server.received if each.path == "/orders"]
    assert int(asked.headers["called"]) < click.intended_ns - 200_000_000
    assert click.intended_ns <= click.sent_ns
    assert asked.headers["x-request-start"] == f"t={click.sent_ns}"


def test_one_that_sends_nothing_is_over_when_it_was_due(played, server):
    times = {"schedule__lead": "2s", "students__click_offset": "300ms", "schedule__sale": "1s"}
    outcomes, rows, _, _ = played(IDLE, **times)
    assert outcomes == ["refused"]
    assert not len(rows)


def test_one_that_would_be_due_after_the_end_is_never_called(played, server):
    outcomes, rows, _, _ = played(SHOP, students__click_offset="1500ms", schedule__sale="1s")
    assert outcomes == ["in_flight"]
    assert not len(rows[rows["step"] == "POST /orders"])


def test_one_that_is_cut_before_its_time_is_no_request_of_anybody_s(browser_of, server):
    rush, browser = browser_of(SHOP)
    clicking = gevent.spawn(browser.buy, time.time_ns() + 600 * MS)
    gevent.sleep(0.3)
    assert rush.recorder.begun, "it is prepared"
    assert Observer(rush).status().in_flight == 0
    clicking.kill(timeout=5)
    gevent.sleep(0.5)
    assert rows_of(rush) == server.received == []
    assert (rush.in_flight, rush.connections) == (0, 0)


@pytest.mark.parametrize("scenario", [SILENT, REFUSED])
def test_one_that_sends_nothing_takes_no_time_of_anybody_s(browser_of, scenario):
    rush, browser = browser_of(scenario)
    due_ns = time.time_ns() + 550 * MS
    reply = browser.login(due_ns)
    assert time.time_ns() >= due_ns
    assert due_ns <= reply.at_ns < due_ns + 300 * MS
    assert all(row["intended_ns"] <= row["done_ns"] for row in rows_of(rush))


def test_what_greenlets_of_the_scenario_send_leaves_no_earlier_than_the_click(browser_of, server):
    rush, browser = browser_of(BESIDE)
    due_ns = time.time_ns() + 550 * MS
    browser.buy(due_ns)
    rows = rows_of(rush)
    assert {row["step"] for row in rows} == {"GET /a", "GET /b", "POST /orders"}
    assert all(due_ns <= row["intended_ns"] <= row["sent_ns"] for row in rows)
    assert max(row["intended_ns"] for row in rows) < due_ns + 300 * MS
