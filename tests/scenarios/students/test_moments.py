"""The moments of a scenario beside the click: the waiting room, the code, and what a key is."""

import time

import pytest

from tests.scenarios.offices import answer

CLUB = """
    from dress_rehearsal.scenarios import Admitted, Buyer, Failed, Granted, Refused, Waiting

    class Member(Buyer):
        def join(self):
            self.client.post("/line", json={"as": self.journey, "number": self.number})

        def queue(self):
            place = self.client.get("/line/me")
            if place.status == 410:
                return Refused("sold_out")
            return Admitted() if place.json()["in"] else Waiting(place.json()["again_s"])

        def buy(self):
            answer = self.client.post("/orders", headers={"Key": self.key})
            if answer.status == 503:
                return Failed(answer.json()["why"])
            return Granted(answer.json()["id"], issued=False)

        def follow_up(self, granted):
            answer = self.client.get(f"/orders/{granted.ticket}")
            return Granted(granted.ticket, issued=answer.json()["done"])
"""
STREAMED = (
    CLUB.replace("def queue(self)", "def polled(self)")
    + """
        stream = None

        def queue(self):
            self.stream = self.client.events("/line/live", until=("turn", "end"), after=self.stream)
            match self.stream.event:
                case "turn":
                    return Admitted()
                case "end":
                    return Refused("sold_out")
"""
)


class Club:
    """A shop with a line before it, that lets people in at their second question."""

    def __init__(self):
        self.asked = []
        self.errors = 0
        self.cut = 1

    def __call__(self, request, connection):
        self.asked.append(request)
        if request.path == "/line/live":
            return self.tell(request, connection)
        if request.path == "/orders" and self.errors:
            self.errors -= 1
            return answer(503, {"why": "out_of_paper"})
        times = [each.path for each in self.asked].count(request.path)
        told = {"in": times > 1, "again_s": 0.15, "id": "T1", "done": times > 2}
        return answer(200, told)

    def tell(self, request, connection):
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
            b"retry: 100\n\nid: n7\ndata: 8\n\n"
        )
        if self.cut:
            self.cut -= 1
        else:
            connection.sendall(b"event: turn\ndata: {}\n\n")
        return b""

    def keys(self):
        return [each.headers["key"] for each in self.asked if each.path == "/orders"]


@pytest.fixture
def club(server):
    server.respond = club = Club()
    return club


def test_a_line_is_joined_and_asked_as_often_as_it_says(played, club):
    outcomes, rows, steps, troubles = played(CLUB)
    assert outcomes == ["ticket"]
    assert not troubles
    assert rows["step"].tolist()[:4] == [
        *("POST /line", "GET /line/me", "GET /line/me", "POST /orders")
    ]
    assert (steps["POST /line"], steps["GET /line/me"]) == ("join", "queue")
    first, second = rows[rows["step"] == "GET /line/me"].itertuples()
    assert second.intended_ns - first.done_ns == 150_000_000
    assert club.asked[0].body == b'{"as": "eager", "number": 0}'


def test_a_ticket_is_the_student_s_from_when_it_is_granted_and_issued_later(played, club):
    outcomes, rows, steps, _ = played(CLUB)
    assert outcomes == ["ticket"]
    asked = rows[rows["step"] == "GET /orders/T1"]
    assert asked["outcome"].tolist() == ["ok"] * 3
    assert steps["GET /orders/T1"] == "ticket"


def test_a_stream_that_was_cut_goes_on_where_it_ended(played, club):
    outcomes, rows, steps, troubles = played(STREAMED)
    assert outcomes == ["ticket"]
    assert not troubles
    streams = rows[rows["step"] == "GET /line/live"]
    assert streams["outcome"].tolist() == ["unknown", "ok"]
    assert steps["GET /line/live"] == "stream"
    ids = [each.headers.get("last-event-id") for each in club.asked if "live" in each.path]
    assert ids == [None, "n7"]
    first, second = streams.itertuples()
    assert second.intended_ns - first.done_ns == 100_000_000, "the stream asked for that pause"


def test_an_error_is_recorded_with_its_own_word_and_tried_again_with_the_same_key(played, club):
    club.errors = 1
    outcomes, rows, _, troubles = played(CLUB)
    assert outcomes == ["ticket"]
    clicks = rows[rows["step"] == "POST /orders"]
    assert clicks["error"].dropna().tolist() == ["out_of_paper"]
    assert clicks["outcome"].tolist() == ["failed", "ok"]
    assert len(set(club.keys())) == 1
    assert not troubles


def test_copies_and_devices_and_runs_have_keys_of_their_own(played, club):
    played(CLUB, students__double_clickers="100%", event__students=3)
    first, keys = set(club.keys()), club.keys()
    assert len(keys) > len(first) >= 3, "some copies repeat the first one's"
    club.asked.clear()
    played(CLUB.replace("queue", "_queue"), students__multi_device="100%")
    assert len(set(club.keys())) == 2
    assert not first & set(club.keys())


@pytest.mark.parametrize("word", ["abandoned", "connect_refused", "timeout"])
def test_no_scenario_says_that_no_answer_came(played, club, word):
    scenario = f"""
    from dress_rehearsal.scenarios import Buyer, Failed

    class Member(Buyer):
        def buy(self):
            self.client.post("/orders")
            return Failed("{word}")
    """
    _, rows, _, _ = played(scenario, students__attempts=1)
    assert rows["error"].tolist() == [f"failed: {word}"]


GATED = """
    from dress_rehearsal.scenarios import Buyer, Granted, Refused, Waiting

    class Guest(Buyer):
        opened = 0

        def buy(self):
            return Granted(self.client.post("/orders").json()["id"])

        def collect(self, granted):
            self.opened += 1
            self.client.get("/code")
            return Waiting() if self.enters and self.opened == 1 else None

        def enter(self, granted):
            if self.client.post("/gate").status == 409:
                return Refused("qr_expired")

        def lend(self, granted):
            self.client.post("/friends-gate")
"""


def test_a_code_is_opened_shown_and_opened_anew_when_it_is_too_old(played, server):
    statuses = {"/gate": [409, 200]}

    def respond(request, _connection):
        return answer((statuses.get(request.path) or [200]).pop(0), {"id": "T1"})

    server.respond = respond
    outcomes, rows, steps, troubles = played(
        GATED, students__entry="100%", students__screenshots="0%", students__attempts=5
    )
    assert outcomes == ["ticket"]
    assert not troubles
    opened, shown = "GET /code", "POST /gate"
    asked = [step for step in rows["step"] if step != "POST /orders"]
    assert asked[:5] == [opened, opened, shown, opened, shown]
    assert (steps[opened], steps[shown]) == ("code", "entrance")


def test_a_friend_shows_a_copy_at_the_same_moment(played, server):
    server.respond = lambda request, _connection: answer(200, {"id": "T1"})
    _, rows, _, _ = played(GATED, students__entry="100%", students__screenshots="100%")
    scans = rows[rows["step"].str.endswith("gate")]
    assert set(scans["step"]) == {"POST /gate", "POST /friends-gate"}
    assert scans["intended_ns"].nunique() == 1
    assert set(scans["device"]) == {0, 1}


def test_who_does_not_enter_opens_the_code_and_no_more(played, server):
    server.respond = lambda request, _connection: answer(200, {"id": "T1"})
    _, rows, _, _ = played(GATED)
    assert rows["step"].tolist() == ["POST /orders", "GET /code"]


def test_a_scenario_may_have_its_answers_read_for_the_audit(played, server):
    now_ns = time.time_ns()
    server.respond = lambda request, _connection: answer(200, {"id": "T1", "now_ns": now_ns})
    scenario = """
    from dress_rehearsal.scenarios import Buyer, Granted

    class Guest(Buyer):
        claims = True

        def arrive(self):
            self.client.get("/page")

        def buy(self):
            return Granted(self.client.post("/orders").json()["id"])
    """
    _, rows, _, _ = played(scenario)
    assert rows["told_now_ns"].iloc[0] == now_ns
    _, rows, _, _ = played(scenario.replace("True", "False"))
    assert rows["told_now_ns"].isna().all()


STORM = {
    "students__refreshers": "100%",
    "students__refresh_from": "500ms",
    "students__refresh_every": "100ms",
    "schedule__lead": "1s",
}
BOTS = {"students__bots": "100%", "students__bots_from": "400ms", "schedule__lead": "1s"}


def sells(request, _peer):
    return answer(201, {"id": "7"}) if request.path == "/orders" else answer(200, {})


def test_a_shop_s_own_page_is_what_is_reloaded(server, played):
    server.respond = sells
    outcomes, rows, _, troubles = played(**STORM)
    assert outcomes == ["ticket"]
    assert (rows.step == "GET /page").sum() >= 3
    assert troubles == {}


def test_a_shop_without_a_page_has_nothing_to_reload(server, played):
    server.respond = sells
    scenario = """
        from dress_rehearsal.scenarios import Buyer, Granted

        class Customer(Buyer):
            def buy(self):
                return Granted(self.client.post("/orders").json()["id"])
    """
    outcomes, rows, _, troubles = played(scenario, **STORM)
    assert outcomes == ["ticket"]
    assert len(rows) == 1
    assert troubles == {}


def test_a_bot_opens_a_shop_s_page_where_it_has_no_countdown(server, played):
    server.respond = sells
    outcomes, rows, _, troubles = played(**BOTS)
    assert outcomes == ["ticket"]
    assert (rows.step == "GET /page").sum() >= 3
    assert set(rows.journey) == {"bot"}
    assert troubles == {}
