"""Clicks and logins are called ahead, and what they send leaves when it is due."""

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
