"""The gate: a code admits once, however many show it, and only while it is fresh and genuine."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from typing import Any

import httpx
import pytest

from dress_rehearsal.target_app.faults import FAULTS
from dress_rehearsal.target_app.qr import sign_ticket
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

Start = Callable[..., Any]


@pytest.fixture
def app(start_app: Start) -> Any:
    return start_app("atomic_update")


@pytest.fixture
def qr_replay(app: Any) -> Iterator[Any]:
    """The fault as it is switched on: the key goes, then nobody looks."""
    run = app.stage.postgres.run
    run("ALTER TABLE entries DROP CONSTRAINT entries_pkey")
    FAULTS.set_all({"qr_replay": 1})
    yield app
    FAULTS.set_all({})
    run("DELETE FROM entries")
    app.stage.prepare()  # puts the key back


def payload_of(app: Any, index: int = 0, at_s: float | None = None) -> str:
    """What the QR code of a student's new ticket says; at another time if need be."""
    bearer = app.login(index)
    ticket = app.buy(bearer).json()["ticket"]
    if at_s is not None:
        return sign_ticket(app.stage.settings.key("qr"), app.stage.event, ticket, at_s)
    answer = app.http.get(f"/tickets/{ticket}/qr", headers={**bearer, "Accept": "text/plain"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    return str(answer.text)


def scan(app: Any, payload: str, gate: str = "north", token: str | None = None) -> httpx.Response:
    token = app.stage.settings.gate_token.get_secret_value() if token is None else token
    return httpx.post(
        f"{app.url}/gate/scan",
        json={"payload": payload, "gate": gate},
        headers={"Authorization": f"Bearer {token}"},
        verify=False,
        timeout=15,
    )


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def entries(app: Any) -> list[Any]:
    return list(app.stage.postgres.run("SELECT * FROM entries WHERE event = $1", app.stage.event))


def scans(result: str) -> float:
    return REGISTRY.get_sample_value("gate_scans_total", {"result": result}) or 0.0


def test_a_code_admits_once(app: Any) -> None:
    payload = payload_of(app)
    before = scans("admitted"), scans("already_entered")
    first = scan(app, payload)
    assert first.status_code == 200
    ((ticket,),) = app.stage.postgres.run(
        "SELECT ticket FROM tickets WHERE event = $1", app.stage.event
    )
    assert first.json() == {"ticket": ticket, "admitted": True}
    assert code(scan(app, payload, "south")) == (409, "already_entered")
    (entry,) = entries(app)
    assert (entry["ticket"], entry["gate"]) == (ticket, "north")
    assert abs(entry["entered_at"].timestamp() - time.time()) < 5
    assert (scans("admitted"), scans("already_entered")) == (before[0] + 1, before[1] + 1)


def test_a_code_shown_again_is_told_when_and_where_it_was_shown_first(app: Any) -> None:
    payload = payload_of(app)
    assert scan(app, payload).status_code == 200
    (entry,) = entries(app)
    at = entry["entered_at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for gate, which in (("north", "this gate"), ("south", "another gate")):
        answer = scan(app, payload, gate)
        assert code(answer) == (409, "already_entered")
        told = re.fullmatch(
            r"Somebody entered with this ticket at (\S+), (\d+) s ago, at gate north \((.+)\)\.",
            answer.json()["detail"],
        )
        assert told is not None, answer.text
        assert (told[1], told[3]) == (at, which)
        assert int(told[2]) <= 5
    assert len(entries(app)) == 1


def test_of_scanners_at_once_exactly_one_admits_each_ticket(app: Any) -> None:
    payloads = [payload_of(app, index) for index in range(6)]
    shown = [payload for payload in payloads for _ in range(5)]
    with ThreadPoolExecutor(15) as gates:
        answers = list(gates.map(lambda payload: scan(app, payload), shown))
    counted = Counter(
        (payload, answer.status_code) for payload, answer in zip(shown, answers, strict=True)
    )
    assert counted == {
        **{(payload, 200): 1 for payload in payloads},
        **{(payload, 409): 4 for payload in payloads},
    }
    refused = [answer.json()["detail"] for answer in answers if answer.status_code == 409]
    assert all("at gate north (this gate)" in detail for detail in refused)
    assert len(entries(app)) == 6


def test_with_qr_replay_a_code_admits_again_and_again(qr_replay: Any) -> None:
    payload = payload_of(qr_replay)
    assert [scan(qr_replay, payload).status_code for _ in range(3)] == [200] * 3
    assert len(entries(qr_replay)) == 3


def test_once_qr_replay_is_over_a_code_admits_once_even_without_the_key(qr_replay: Any) -> None:
    FAULTS.set_all({})
    payload = payload_of(qr_replay)
    assert scan(qr_replay, payload).status_code == 200
    assert code(scan(qr_replay, payload)) == (409, "already_entered")


def test_a_screenshot_that_is_too_old_has_expired(app: Any) -> None:
    payload = payload_of(app, at_s=time.time() - 41)
    assert code(scan(app, payload)) == (409, "qr_expired")
    assert entries(app) == []


def test_a_code_made_a_moment_ago_is_good_though_its_slot_be_over(app: Any) -> None:
    assert scan(app, payload_of(app, at_s=time.time() - 9)).status_code == 200


def test_a_forged_code_is_invalid(app: Any) -> None:
    payload = payload_of(app)
    forged = sign_ticket(b"somebody else's key", app.stage.event, "0" * 32, time.time())
    swapped = forged[:27] + payload[27:]  # a genuine stamp under another ticket
    for shown in (forged, swapped, "", "x" * 512, payload.lower(), "\0", "٣" * 59):
        assert code(scan(app, shown)) == (400, "qr_invalid"), shown
    assert entries(app) == []


def test_a_code_for_a_ticket_that_is_not_there_is_unknown(app: Any) -> None:
    payload = sign_ticket(app.stage.settings.key("qr"), app.stage.event, "0" * 32, time.time())
    assert code(scan(app, payload)) == (404, "ticket_unknown")


@pytest.mark.parametrize("token", ["wrong", "x" * 4000])
def test_only_gates_scan(app: Any, token: str) -> None:
    assert code(scan(app, payload_of(app), token=token)) == (401, "unauthenticated")
    admin = app.stage.settings.admin_token.get_secret_value()
    assert code(scan(app, payload_of(app, 1), token=admin)) == (401, "unauthenticated")
    assert entries(app) == []


@pytest.mark.parametrize("gate", ["", "x" * 65, "nul\0", "line\n", "a'; DROP TABLE entries; --"])
def test_a_gate_without_a_proper_name_is_an_invalid_request(app: Any, gate: str) -> None:
    assert code(scan(app, payload_of(app), gate)) == (400, "invalid_request")


def test_the_picture_may_be_kept_no_longer_than_its_slot(app: Any) -> None:
    bearer = app.login(0)
    ticket = app.buy(bearer).json()["ticket"]
    left_s = 30 - time.time() % 30
    answer = app.http.get(f"/tickets/{ticket}/qr", headers=bearer)
    assert answer.headers["content-type"] == "image/svg+xml"
    directive, _, max_age_s = answer.headers["cache-control"].partition(", max-age=")
    assert directive == "private"
    assert int(max_age_s) <= left_s or left_s < 1
    assert 0 <= int(max_age_s) < 30
    assert "Accept" in answer.headers["vary"]


@pytest.mark.parametrize("allocation", ["naive", "redis_writeback"])
def test_tickets_of_other_allocations_enter_too_once_their_row_is_there(
    start_app: Start, allocation: str
) -> None:
    app = start_app(allocation)
    ticket = app.buy(app.login(0)).json()["ticket"]
    payload = sign_ticket(app.stage.settings.key("qr"), app.stage.event, ticket, time.time())
    if allocation == "redis_writeback":
        assert code(scan(app, payload)) == (404, "ticket_unknown")
        app.stage.postgres.run(
            "INSERT INTO tickets (ticket, event, student, number, granted_ns, idempotency)"
            " VALUES ($1, $2, 's', 1, 1, 'i')",
            ticket,
            app.stage.event,
        )
    assert scan(app, payload).status_code == 200
    assert code(scan(app, payload)) == (409, "already_entered")
