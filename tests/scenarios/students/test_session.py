"""Sessions that a target forgets: students log in again and go on where they were."""

import dataclasses
import json
import time

import pytest

PAGE, LOGIN = "GET /events/{event}", "POST /login"
BUY, TICKET, QR = (
    "POST /events/{event}/tickets",
    "GET /tickets/{ticket}",
    "GET /tickets/{ticket}/qr",
)
JOIN, QUEUE = "POST /events/{event}/queue", "GET /events/{event}/queue"
STREAM = "GET /events/{event}/queue/stream"
STEPS_BY_END = {
    ("POST", "tickets"): BUY,
    ("GET", "qr"): QR,
    ("POST", "queue"): JOIN,
    ("GET", "queue"): QUEUE,
    ("GET", "stream"): STREAM,
}


def step_of(request):
    end = request.path.rsplit("/", 1)[1]
    return STEPS_BY_END.get((request.method, end)) or (
        TICKET if "/tickets/" in request.path else ""
    )


@pytest.fixture
def forgetful(respond):
    """An office that forgets every session when it first gets a step, and so often."""

    def make(office, step, times=1):
        tokens, forgotten = {}, []

        def answer(request, peer):
            if request.path == "/login":
                token = f"session-{len(tokens)}"
                tokens[token] = json.loads(request.body)["student"]
                return respond(200, {"token": token, "expires_in": 60})
            if "authorization" not in request.headers or request.path == "/gate/scan":
                return office(request, peer)
            if step_of(request) == step and len(forgotten) < times:
                forgotten.append(request)
                tokens.update(dict.fromkeys(tokens))
            student = tokens[request.headers["authorization"].removeprefix("Bearer ")]
            if student is None:
                return respond(401, {"code": "unauthenticated"})
            headers = {**request.headers, "authorization": f"Bearer {student}"}
            return office(dataclasses.replace(request, headers=headers), peer)

        return answer

    return make


@pytest.mark.parametrize(
    ("step", "room"),
    [
        (BUY, "off"),
        (TICKET, "off"),
        (QR, "off"),
        (JOIN, "poll"),
        (QUEUE, "poll"),
        (STREAM, "sse"),
        (BUY, "poll"),
    ],
)
def test_who_finds_the_session_lost_logs_in_again_and_goes_on(
    server, play, make_rush, small_plan, forgetful, queue_office, step, room
):
    t0_ns = time.time_ns() + 150_000_000
    server.respond = forgetful(queue_office(1, t0_ns + 100_000_000), step)
    rush = make_rush(
        small_plan(app__waiting_room=room, students__entry="100%", students__screenshots="0%")
    )
    outcomes, requests = play(rush, t0_ns)
    assert outcomes == ["ticket"]
    assert requests.step.tolist().count(LOGIN) == 2
    lost = requests[requests.error == "unauthenticated"]
    assert lost.step.tolist() == [step]
    after = requests.step.tolist()[lost.index[0] + 1 :]
    assert after[:2] == [LOGIN, JOIN if step in (JOIN, QUEUE, STREAM) else step]
    assert requests.iloc[-1].step == "POST /gate/scan"
    keys = [r.headers["idempotency-key"] for r in server.received if step_of(r) == BUY]
    assert len(set(keys)) == 1, "it is the same click"


def test_a_login_that_fails_meanwhile_is_tried_again(
    server, play, make_rush, small_plan, forgetful, ticket_office, respond
):
    office, logins = forgetful(ticket_office(1), BUY), []

    def down_for_a_while(request, peer):
        if request.path == "/login":
            logins.append(request)
            if len(logins) in (2, 3):
                return respond(503, {"code": "dependency_unavailable"})
        return office(request, peer)

    server.respond = down_for_a_while
    outcomes, requests = play(make_rush(small_plan()))
    assert outcomes == ["ticket"]
    assert requests[requests.step == LOGIN].outcome.tolist() == ["ok", "failed", "failed", "ok"]


def test_a_target_that_forgets_every_session_is_given_up(
    server, play, make_rush, small_plan, forgetful, ticket_office
):
    server.respond = forgetful(ticket_office(1), BUY, times=99)
    outcomes, requests = play(make_rush(small_plan(students__attempts=5)))
    assert outcomes == ["failed"]
    assert requests.step.tolist().count(LOGIN) == 3
    assert requests.step.tolist().count(BUY) == 5


def test_who_cannot_log_in_again_has_failed(
    server, play, make_rush, small_plan, forgetful, ticket_office, respond
):
    office, logins = forgetful(ticket_office(1), BUY), []

    def down(request, peer):
        if request.path == "/login":
            logins.append(request)
            if len(logins) > 1:
                return respond(503, {"code": "dependency_unavailable"})
        return office(request, peer)

    server.respond = down
    outcomes, requests = play(make_rush(small_plan(students__retry="0%")))
    assert outcomes == ["failed"]
    assert requests.step.tolist()[-2:] == [BUY, LOGIN]


def test_only_the_device_that_has_the_ticket_logs_in_again_for_it(
    server, play, make_rush, small_plan, forgetful, ticket_office
):
    server.respond = forgetful(ticket_office(5), TICKET)
    outcomes, requests = play(make_rush(small_plan(students__multi_device="100%")))
    assert outcomes == ["ticket"]
    (lost,) = requests[(requests.error == "unauthenticated") & (requests.step == TICKET)].device
    assert sorted(requests[requests.step == LOGIN].device) == sorted([0, 1, lost])
