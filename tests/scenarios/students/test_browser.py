"""Somebody's own scenario, played against a server: rows, roles, outcomes, and its defects."""

import pytest

from tests.scenarios.students.conftest import SHOP


def answering(respond, **answers):
    """Return a server's `respond` that gives each path its statuses in turn, the last for ever."""
    left = {f"/{path}": list(each) for path, each in answers.items()}

    def reply(request, _socket):
        statuses = left.get(request.path, [200])
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        return respond(status, {"id": "T1"})

    return reply


def test_each_moment_is_a_method_and_the_last_request_of_it_has_its_role(played, server, respond):
    server.respond = answering(respond, orders=[201])
    outcomes, rows, steps, troubles = played(students__entry="100%")
    assert outcomes == ["ticket"]
    assert rows["step"].tolist() == [
        *("GET /page", "GET /csrf", "POST /login", "POST /orders", "POST /gate")
    ]
    assert steps == {
        "GET /page": "page",
        "GET /csrf": "other",
        "POST /login": "login",
        "POST /orders": "purchase",
        "POST /gate": "entrance",
    }
    assert (rows["outcome"] == "ok").all()
    assert (rows["sent_ns"] >= rows["intended_ns"]).all()
    assert not troubles


def test_a_refusal_is_recorded_with_its_reason_and_too_early_is_tried_again(
    played, server, respond
):
    server.respond = answering(respond, orders=[425, 410])
    outcomes, rows, _, troubles = played()
    assert outcomes == ["sold_out"]
    clicks = rows[rows["step"] == "POST /orders"]
    assert clicks["outcome"].tolist() == ["refused", "refused"]
    assert clicks["error"].tolist() == ["too_early", "sold_out"]
    assert not troubles


def test_a_reason_that_nobody_knows_is_final(played, server, respond):
    server.respond = answering(respond, orders=[418])
    outcomes, rows, _, _ = played()
    assert outcomes == ["refused"]
    assert rows["error"].iloc[-1] == "a_teapot"


COME_AGAIN = SHOP.replace('"a_teapot"', '"all_reserved", final=False')


def test_who_is_told_to_come_again_does_so_whoever_else_gives_up_at_errors(played, server, respond):
    """To come again is no error, of whom only a share tries again (`students.retry`)."""
    server.respond = answering(respond, orders=[418, 418, 418, 201])
    outcomes, rows, _, troubles = played(
        COME_AGAIN, students__retry="0%", students__attempts=5, event__students=6
    )
    clicks = rows[rows["step"] == "POST /orders"]
    assert outcomes == ["ticket"] * 6
    assert sorted(clicks["error"].dropna()) == ["all_reserved"] * 3
    assert set(clicks["outcome"]) == {"refused", "ok"}
    assert not troubles


def test_who_is_told_to_come_again_for_ever_gives_up_and_has_not_failed(played, server, respond):
    server.respond = answering(respond, orders=[418])
    outcomes, rows, _, _ = played(COME_AGAIN, students__retry="0%", students__attempts=3)
    assert outcomes == ["gave_up"]
    assert rows.loc[rows["step"] == "POST /orders", "outcome"].tolist() == ["refused"] * 3


def test_who_gives_up_at_an_error_has_failed(played, server, respond):
    server.respond = answering(respond, orders=[503])
    outcomes, _, _, _ = played(COME_AGAIN, students__retry="0%")
    assert outcomes == ["failed"]


ASKS_AGAIN = """
    from dress_rehearsal.scenarios import Buyer, Failed, Granted, Refused

    class Customer(Buyer):
        def buy(self):
            answer = self.client.post("/orders")
            while answer.status in (418, 503):
                SAID
                answer = self.client.post("/orders")
            if answer.status == 201:
                return Granted(answer.json()["id"])
"""


@pytest.mark.parametrize(
    ("said", "outcomes", "words"),
    [
        pytest.param(
            'self.told(Refused("all_reserved"))',
            ["refused", "refused", "ok"],
            ["all_reserved"] * 2,
            id="a no",
        ),
        pytest.param(
            'self.told(Failed("try_later"))',
            ["failed", "failed", "ok"],
            ["try_later"] * 2,
            id="an error of its own name",
        ),
        pytest.param(
            "pass", ["failed", "failed", "ok"], ["http_418", "http_503"], id="nothing said of it"
        ),
    ],
)
def test_an_answer_in_between_is_what_the_scenario_says_of_it(
    played, server, respond, said, outcomes, words
):
    server.respond = answering(respond, orders=[418, 503, 201])
    ends, rows, steps, troubles = played(ASKS_AGAIN.replace("SAID", said))
    assert ends == ["ticket"]
    assert rows["outcome"].tolist() == outcomes
    assert rows["error"].dropna().tolist() == words
    assert steps == {"POST /orders": "purchase"}
    assert not troubles


def test_what_a_method_returns_is_its_last_answers_meaning_whatever_was_said_before(
    played, server, respond
):
    server.respond = answering(respond, orders=[410])
    scenario = """
    from dress_rehearsal.scenarios import Buyer, Refused

    class Customer(Buyer):
        def buy(self):
            self.client.post("/orders")
            self.told(Refused("all_reserved"))
            return Refused("sold_out")
    """
    outcomes, rows, _, troubles = played(scenario)
    assert (outcomes, rows["error"].tolist()) == (["sold_out"], ["sold_out"])
    assert not troubles


def test_an_answer_that_never_came_is_not_what_a_scenario_says_of_it(played, server):
    server.respond = lambda request, _socket: b""
    scenario = """
    from dress_rehearsal.scenarios import Buyer, Refused

    class Customer(Buyer):
        def buy(self):
            self.client.post("/orders")
            self.told(Refused("all_reserved"))
            self.client.post("/orders")
    """
    outcomes, rows, _, _ = played(scenario, students__attempts=1)
    assert outcomes == ["unknown"]
    assert set(rows["outcome"]) == {"unknown"}


@pytest.mark.parametrize(
    ("said", "kind"),
    [('Refused("all_reserved")', "ValueError in buy()"), ("None", "TypeError in buy()")],
)
def test_what_says_nothing_of_an_answer_is_a_defect_of_the_scenario(
    played, server, respond, said, kind
):
    server.respond = answering(respond, orders=[201])
    scenario = f"""
    from dress_rehearsal.scenarios import Buyer, Refused

    class Customer(Buyer):
        def buy(self):
            self.told({said})
    """
    _, _, _, troubles = played(scenario, students__attempts=1)
    (trouble,) = troubles
    assert trouble.startswith(kind)


def test_a_pending_ticket_is_asked_for_until_it_is_there(played, server, respond):
    reply = answering(respond, orders=[202], **{"orders/T1": [404, 200]})
    server.respond = reply
    outcomes, rows, steps, troubles = played()
    assert outcomes == ["ticket"]
    assert rows["step"].tolist()[-3:] == ["POST /orders", "GET /orders/{id}", "GET /orders/{id}"]
    assert steps["GET /orders/{id}"] == "ticket"
    assert not troubles
    assert (played.told[0]["pending_tickets"], played.told[0]["open_tickets"]) == (["T1"], None)


def test_a_pending_ticket_of_which_nothing_more_is_heard_stays_open(played, server, respond):
    server.respond = answering(respond, orders=[202], **{"orders/T1": [404] * 100})
    outcomes, *_ = played(schedule__sale="300ms")
    assert outcomes == ["in_flight"]
    assert played.told[0]["open_tickets"] == ["T1"]


def test_no_answer_is_unknown_and_an_error_is_tried_again(played, server, respond):
    def hang_up(request, _socket):
        return b"" if request.path == "/orders" else respond(200, {})

    server.respond = hang_up
    outcomes, rows, _, troubles = played()
    assert outcomes == ["unknown"]
    assert rows["outcome"].tolist()[-2:] == ["unknown", "unknown"]
    assert not troubles
    server.respond = answering(respond, orders=[503, 201])
    outcomes, rows, _, troubles = played()
    assert outcomes == ["ticket"]
    assert rows["error"].tolist()[-2] == "http_503"
    assert not troubles


@pytest.mark.parametrize(
    ("body", "trouble", "word"),
    [
        ("pass", "buy() returned nothing for 201", "no_claim"),
        (
            "return answer.json()['nothing']",
            "KeyError in buy(), line 7 of shop.py, after 201",
            "KeyError",
        ),
        ("return answer", "buy() returned Response instead of Granted", "no_claim"),
        ("return Granted(None)", "buy() returned Granted without a ticket's name", "no_ticket"),
        ("return Granted([answer])", "buy() returned Granted without a ticket's", "no_ticket"),
        ("return Granted(answer.json)", "buy() returned Granted without a ticket's", "no_ticket"),
        ("return Refused(Odd())", "ZeroDivisionError in buy(), line 11 of shop.py", "ZeroDivision"),
        ("return Waiting('soon')", "ValueError in buy(), line 7 of shop.py", "ValueError"),
        ("raise BaseException", "BaseException in buy(), line 7 of shop.py", "BaseException"),
    ],
)
def test_a_defect_costs_its_student_and_is_named(played, server, respond, body, trouble, word):
    server.respond = answering(respond, orders=[201])
    scenario = f"""
    from dress_rehearsal.scenarios import Buyer, Granted, Refused, Waiting

    class Customer(Buyer):
        def buy(self):
            answer = self.client.post("/orders")
            {body}

    class Odd:
        def __str__(self):
            return 1 / 0
    """
    outcomes, rows, _, troubles = played(scenario, students__attempts=1)
    assert outcomes == ["failed"]
    (error,) = rows["error"]
    assert error.startswith(word)
    assert len(troubles) == 1
    assert next(iter(troubles)).startswith(trouble)


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (200, {"Content_Type": "text/html; charset=utf-8"}, "200 (text/html)"),
        (303, {"Location": "/login?next=%2Forders"}, "303 to /login"),
        (303, {"Location": "https://x.example/orders/c0ffee/paid"}, "303 to /orders/…"),
        (302, {"Location": "http://["}, "302 to nowhere"),
    ],
)
def test_an_answer_that_says_nothing_is_told_by_its_kind(
    played, server, respond, status, headers, words
):
    scenario = """
    from dress_rehearsal.scenarios import Buyer

    class Customer(Buyer):
        def buy(self):
            self.client.post("/orders")
    """
    server.respond = lambda request, _socket: (
        respond(status, b"", **headers) if request.path == "/orders" else respond(200, {})
    )
    _, _, _, troubles = played(scenario, students__attempts=1)
    assert list(troubles) == [f"buy() returned nothing for {words}"]


def test_a_scenario_that_sleeps_makes_nothing_late(played, server, respond):
    server.respond = answering(respond, orders=[201])
    scenario = """
    import time
    from gevent import sleep
    from dress_rehearsal.scenarios import Buyer, Granted

    class Customer(Buyer):
        def wait(self):
            sleep(60)

        def buy(self):
            sleep(0.4)
            return Granted(self.client.post("/orders").json()["id"])
    """
    outcomes, rows, _, troubles = played(scenario, students__countdown_poll="20ms")
    assert outcomes == ["ticket"]
    assert (rows["sent_ns"] - rows["intended_ns"]).max() < 350e6
    assert not troubles


def test_a_method_that_never_ends_ends_with_the_rush(played, server, respond):
    server.respond = answering(respond, orders=[500])
    scenario = """
    from dress_rehearsal.scenarios import Buyer, Granted

    class Customer(Buyer):
        def buy(self):
            while True:
                try:
                    self.client.post("/orders")
                except Exception:
                    pass
    """
    outcomes, rows, _, _ = played(scenario, schedule__sale="300ms")
    assert outcomes == ["in_flight"]
    assert len(rows) > 1


def test_what_is_sent_is_what_the_person_of_the_roster_would(played, server, respond):
    server.respond = answering(respond, orders=[201])
    played()
    sent = next(each for each in server.received if each.path == "/login")
    assert sent.body.startswith(b"who=S")


def test_a_buyer_that_holds_nothing_yet_is_the_same_one_at_each_moment(played, server, respond):
    server.respond = answering(respond, orders=[201])
    cart = SHOP.replace("class Customer(Buyer):", "class Customer(Buyer, dict):").replace(
        'self.client.get("/page")', 'self.came = self.client.get("/page")'
    )
    kept = cart.replace('self.client.get("/csrf")', "self.came.status")
    outcomes, _, _, troubles = played(kept)
    assert outcomes == ["ticket"]
    assert not troubles
