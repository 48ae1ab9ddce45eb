"""Security: guessing PINs, forged tokens and codes, and doors that are not everybody's."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import jwt
import pytest
from prometheus_client import generate_latest

from dress_rehearsal.target_app import sessions
from dress_rehearsal.target_app.qr import SLOT_S, sign_ticket
from dress_rehearsal.target_app.stores.redis_keys import failed_logins_at
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

Start = Callable[..., Any]
LIMIT = sessions.FREE_FAILURES
HOME = "127.0.0.1"


@pytest.fixture(autouse=True)
def forgiven(redis_server: Any) -> Iterator[None]:
    """Failures of other tests' students, and of these for others, are forgotten."""

    def forget() -> None:
        with redis_server.client() as redis:
            redis.delete("no such key", *redis.scan_iter("login:failed:*"))

    forget()
    yield
    forget()


@pytest.fixture
def app(start_app: Start) -> Any:
    return start_app()


def login(
    app: Any, index: int, pin: str | None = None, source: str = HOME, **headers: str
) -> httpx.Response:
    student = app.stage.roster[index]
    body = {"student": student.student, "pin": pin or student.pin}
    # Without TLS nobody is verified: to load the certificates takes 20 ms a time.
    with httpx.Client(transport=httpx.HTTPTransport(verify=False, local_address=source)) as http:
        return http.post(f"{app.url}/login", json=body, headers=headers)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def forget_wait(app: Any, index: int, source: str = HOME) -> None:
    """Have the time a source has to wait pass by."""
    key = failed_logins_at(source, app.stage.roster[index].student)
    with app.stage.client() as redis:
        assert redis.hdel(key, "until_ms") == 1


class TestBruteForce:
    """Guessing a PIN."""

    def test_after_so_many_failures_even_the_right_pin_is_not_looked_at_for_a_while(
        self, app: Any
    ) -> None:
        for number in range(LIMIT):
            assert code(login(app, 0, f"guess {number}")) == (401, "bad_credentials")
        for pin in ("one more guess", None):
            answer = login(app, 0, pin)
            assert code(answer) == (429, "too_many_attempts")
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"] == "1"

    def test_each_further_failure_doubles_the_wait_and_there_is_a_longest(self, app: Any) -> None:
        waits = []
        for number in range(LIMIT + 7):
            assert code(login(app, 0, f"guess {number}")) == (401, "bad_credentials")
            if number >= LIMIT - 1:
                waits.append(int(login(app, 0).headers["retry-after"]))
                forget_wait(app, 0)
        assert waits == [1, 2, 4, 8, 16, 30, 30, 30]

    def test_a_guess_in_the_wait_does_not_lengthen_it(self, app: Any) -> None:
        for _ in range(LIMIT):
            login(app, 0, "guess")
        key = failed_logins_at(HOME, app.stage.roster[0].student)
        with app.stage.client() as redis:
            before = redis.hgetall(key)
            login(app, 0, "guess")
            assert redis.hgetall(key) == before

    def test_the_owner_logs_in_from_elsewhere_whatever_an_attacker_guesses(self, app: Any) -> None:
        for number in range(sessions.FAILURES_OF_STUDENT + 10):
            login(app, 0, f"guess {number}", f"127.0.1.{number + 1}")
        for source in ("127.0.2.1", "127.0.2.2"):
            assert login(app, 0, None, source).status_code == 200

    def test_behind_a_proxy_the_source_is_the_address_that_the_proxy_added(
        self, start_app: Start
    ) -> None:
        app = start_app(APP_BEHIND_PROXY="on")
        for number in range(LIMIT):
            pretended = {"X-Forwarded-For": f"10.0.0.{number}, 198.51.100.7"}
            assert login(app, 0, "guess", **pretended).status_code == 401
        attacker, owner = {"X-Forwarded-For": "198.51.100.7"}, {"X-Forwarded-For": "203.0.113.9"}
        assert code(login(app, 0, None, **attacker)) == (429, "too_many_attempts")
        assert login(app, 0, None, **owner).status_code == 200

    def test_nobody_moves_elsewhere_by_saying_so_where_there_is_no_proxy(self, app: Any) -> None:
        for number in range(LIMIT):
            login(app, 0, "guess", **{"X-Forwarded-For": f"203.0.113.{number}"})
        elsewhere = {"X-Forwarded-For": "203.0.113.99"}
        assert code(login(app, 0, None, **elsewhere)) == (429, "too_many_attempts")

    def test_when_many_sources_guess_at_one_student_each_new_one_has_one_guess(
        self, app: Any
    ) -> None:
        for number in range(sessions.FAILURES_OF_STUDENT):
            login(app, 0, f"guess {number}", f"127.0.1.{number + 1}")
        assert code(login(app, 0, "guess", "127.0.2.1")) == (401, "bad_credentials")
        assert code(login(app, 0, "guess", "127.0.2.1")) == (429, "too_many_attempts")
        assert login(app, 0, None, "127.0.2.2").status_code == 200

    def test_when_one_source_guesses_at_everybody_it_has_one_guess_at_each(
        self, app: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sessions, "FAILURES_FROM_SOURCE", 20)
        first = [login(app, index, "guess").status_code for index in range(25)]
        assert first == [401] * 25
        with app.stage.client() as redis:
            keys = [failed_logins_at(HOME, person.student) for person in app.stage.roster[:25]]
            waits = [redis.hexists(key, "until_ms") for key in keys]
        assert waits == [False] * 20 + [True] * 5
        # and whoever stands behind the same address with a PIN that is right is let in
        assert [login(app, index).status_code for index in range(30, 40)] == [200] * 10

    def test_others_at_the_same_address_log_in_as_before(self, app: Any) -> None:
        for number in range(LIMIT + 5):
            login(app, 0, f"guess {number}")
        assert [login(app, index).status_code for index in range(1, 40)] == [200] * 39

    def test_it_is_over_when_the_time_has_passed(self, app: Any) -> None:
        for _ in range(LIMIT):
            login(app, 0, "guess")
        key = failed_logins_at(HOME, app.stage.roster[0].student)
        with app.stage.client() as redis:
            assert 0 < redis.ttl(key) <= sessions.REMEMBERED_S
            redis.hset(key, "until_ms", int(time.time() * 1000) - 1)
        assert login(app, 0).status_code == 200
        with app.stage.client() as redis:
            assert not redis.exists(key)

    def test_who_mistypes_and_then_gets_it_right_begins_anew(self, app: Any) -> None:
        for _ in range(3):
            for _ in range(LIMIT - 1):
                assert code(login(app, 0, "mistyped")) == (401, "bad_credentials")
            assert login(app, 0).status_code == 200

    def test_a_student_there_is_not_is_throttled_like_one_there_is(self, app: Any) -> None:
        body = {"student": "nobody", "pin": "1"}
        answers = [app.http.post("/login", json=body) for _ in range(LIMIT + 1)]
        assert [answer.status_code for answer in answers] == [401] * LIMIT + [429]

    def test_a_campus_behind_one_address_logs_in_without_a_failure_counted(self, app: Any) -> None:
        assert [login(app, index).status_code for index in range(60)] == [200] * 60
        with app.stage.client() as redis:
            assert list(redis.scan_iter("login:failed:*")) == []

    @pytest.mark.parametrize(
        ("address", "source"),
        [
            ("127.0.0.1", "127.0.0.1"),
            ("::ffff:127.0.0.1", "127.0.0.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("fe80::1%eth0", "fe80::"),
            ("", ""),
            ("unix:", "unix:"),
        ],
    )
    def test_a_source_is_what_one_customer_has(self, address: str, source: str) -> None:
        assert sessions.source_of(address) == source


STUDENTS_DOORS = [
    ("POST", "/events/{event}/tickets", None),
    ("POST", "/logout", None),
    ("GET", "/tickets/x", None),
    ("GET", "/tickets/x/qr", None),
    ("POST", "/events/{event}/queue", {}),
    ("GET", "/events/{event}/queue", None),
    ("GET", "/events/{event}/queue/stream", None),
]
STAFF_DOORS = [
    ("PUT", "/admin/events/{event}", {"opens_at_ns": 1}),
    ("PUT", "/admin/events/{event}/queue", {"paused": True}),
    ("GET", "/admin/faults", None),
    ("PUT", "/admin/faults/leak", {"grade": 1}),
    ("POST", "/gate/scan", {"payload": "X", "gate": "north"}),
]


def test_no_door_opens_to_a_token_that_is_not_its_own(start_app: Start) -> None:
    app = start_app(APP_FAULTS="on", APP_WAITING_ROOM="sse")
    good = app.login(0)["Authorization"].removeprefix("Bearer ")
    settings = app.stage.settings
    claims = jwt.decode(good, settings.key("jwt"), algorithms=["HS256"])
    head, payload, signature = good.split(".")
    other = jwt.encode({**claims, "sub": app.stage.roster[1].student}, settings.key("jwt"), "HS256")
    forged = {
        "no algorithm": jwt.encode(claims, None, "none"),
        "another algorithm": jwt.encode(claims, settings.key("jwt") + b"x" * 32, "HS512"),
        "another key": jwt.encode(claims, b"x" * 32, "HS256"),
        "the secret itself as key": jwt.encode(
            claims, settings.jwt_secret.get_secret_value().ljust(32), "HS256"
        ),
        "changed claims": f"{head}.{other.split('.')[1]}.{signature}",
        "no signature": f"{head}.{payload}.",
        "expired": jwt.encode({**claims, "exp": 1}, settings.key("jwt"), "HS256"),
        "nonsense": "a.b.c",
        "the organiser's": settings.admin_token.get_secret_value(),
    }
    headers = [{}, {"Authorization": "Bearer"}, {"Authorization": f"Basic {good}"}]
    headers += [{"Authorization": f"Bearer {token}"} for token in forged.values()]
    for method, path, body in STUDENTS_DOORS:
        for shown in headers:
            answer = app.http.request(
                method,
                path.format(event=app.stage.event),
                json=body,
                headers={**shown, "Idempotency-Key": "key"},
            )
            assert code(answer) == (401, "unauthenticated"), (method, path, shown)
    admin = settings.admin_token.get_secret_value()
    gate = settings.gate_token.get_secret_value()
    staff = [{}, {"Authorization": f"Bearer {good}"}, {"Authorization": "Bearer wrong"}]
    for method, path, body in STAFF_DOORS:
        at_gate = path.startswith("/gate")
        own, foreign = (gate, admin) if at_gate else (admin, gate)
        for shown in (*staff, {"Authorization": f"Bearer {foreign}"}, {"Authorization": own}):
            answer = app.http.request(
                method, path.format(event=app.stage.event), json=body, headers=shown
            )
            assert code(answer) == (401, "unauthenticated"), (method, path, shown)
    assert app.stage.rows() == []


def test_somebody_elses_ticket_opens_nothing(start_app: Start) -> None:
    app = start_app("atomic_update")
    ticket = app.buy(app.login(0)).json()["ticket"]
    thief = app.login(1)
    for path in (f"/tickets/{ticket}", f"/tickets/{ticket}/qr"):
        assert code(app.http.get(path, headers=thief)) == (404, "ticket_unknown")
    app.buy(thief)
    assert code(app.http.get(f"/tickets/{ticket}", headers=thief)) == (404, "ticket_unknown")


def test_a_forged_code_lets_nobody_in(start_app: Start) -> None:
    app = start_app("atomic_update")
    bearer = app.login(0)
    ticket = app.buy(bearer).json()["ticket"]
    settings = app.stage.settings
    key, event, now_s = settings.key("qr"), app.stage.event, time.time()
    genuine = sign_ticket(key, event, ticket, now_s)

    def scan(payload: str) -> httpx.Response:
        return app.http.post(
            "/gate/scan",
            json={"payload": payload, "gate": "north"},
            headers={"Authorization": f"Bearer {settings.gate_token.get_secret_value()}"},
        )

    forged = [
        sign_ticket(b"x" * 32, event, ticket, now_s),  # another key
        sign_ticket(settings.key("pin"), event, ticket, now_s),  # another purpose's key
        sign_ticket(key, "another", ticket, now_s),  # another event's
        genuine[:-1] + ("A" if genuine[-1] != "A" else "B"),
        genuine.lower(),
        genuine + "\n",
        "",
        "\0",
        "ٱ" * len(genuine),
    ]
    later = sign_ticket(key, event, ticket, now_s + SLOT_S)
    forged.append(genuine[:27] + later[27:35] + genuine[35:])  # a slot under another's signature
    for payload in forged:
        assert code(scan(payload)) == (400, "qr_invalid"), payload
    assert code(scan(sign_ticket(key, event, ticket, now_s - 120))) == (409, "qr_expired")
    assert code(scan(sign_ticket(key, event, "0" * 32, now_s))) == (404, "ticket_unknown")
    assert scan(genuine).status_code == 200


def test_no_secret_shows_in_logs_or_metrics_of_faults_logins_and_enrolment(
    start_app: Start, neighbours: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = start_app(APP_FAULTS="on", **neighbours.settings)
    neighbours.behave(failures=1.0)
    admin = {"Authorization": f"Bearer {app.stage.settings.admin_token.get_secret_value()}"}
    with caplog.at_level(logging.DEBUG, "dress_rehearsal.target_app"):
        for _ in range(LIMIT + 2):
            login(app, 3, "guess-of-a-pin")
        bearer = app.login(0)
        app.buy(bearer)
        app.http.put("/admin/faults/leak", json={"grade": 0}, headers=admin)
    told = json.dumps([vars(record) for record in caplog.records], default=str)
    for message in ("logins refused unseen", "ticket granted", "fault set"):
        assert message in told
    told += generate_latest(REGISTRY).decode() + json.dumps(neighbours.alerts())
    secrets = [value for name, value in app.stage.environment.items() if "SECRET" in name]
    secrets += [value for name, value in app.stage.environment.items() if "TOKEN" in name]
    secrets += [app.stage.roster[index].student for index in (0, 3)]
    secrets += ["guess-of-a-pin", bearer["Authorization"].removeprefix("Bearer ")]
    assert [secret for secret in secrets if secret in told] == []
