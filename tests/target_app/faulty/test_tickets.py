"""QR codes that never open, and good ones that are turned away at the entrance."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

Start = Callable[..., Any]


@pytest.fixture
def held(start_faulty: Start) -> tuple[Any, list[tuple[dict[str, str], str]]]:
    """An app, and thirty students with their issued tickets."""
    app = start_faulty("atomic_update")
    bearers = [app.login(index) for index in range(30)]
    return app, [(bearer, app.buy(bearer).json()["ticket"]) for bearer in bearers]


def open_qr(app: Any, bearer: dict[str, str], ticket: str) -> httpx.Response:
    headers = {**bearer, "Accept": "text/plain"}
    return httpx.get(f"{app.url}/tickets/{ticket}/qr", headers=headers, verify=False)


def test_the_same_tickets_codes_never_open(held: Any) -> None:
    app, tickets = held
    app.switch("qr_refused", 0.4)
    looks = [[open_qr(app, *each).status_code for each in tickets] for _ in range(2)]
    assert looks[0] == looks[1]
    assert 3 < looks[0].count(404) < 25
    assert set(looks[0]) == {200, 404}
    refused = tickets[looks[0].index(404)]
    assert open_qr(app, *refused).json()["code"] == "ticket_unknown"
    shown = app.http.get(f"/tickets/{refused[1]}", headers=refused[0])
    assert shown.json()["state"] == "issued"
    app.switch("qr_refused", 0)
    assert {open_qr(app, *each).status_code for each in tickets} == {200}


def test_the_same_tickets_are_turned_away_at_their_first_showing(held: Any) -> None:
    app, tickets = held
    token = app.stage.settings.gate_token.get_secret_value()
    payloads = [open_qr(app, *each).text for each in tickets]

    def scan(payload: str) -> str:
        answer = app.http.post(
            "/gate/scan",
            json={"payload": payload, "gate": "north"},
            headers={"Authorization": f"Bearer {token}"},
        )
        return "admitted" if answer.status_code == 200 else str(answer.json()["code"])

    app.switch("entry_refused", 0.5)
    results = [scan(payload) for payload in payloads]
    assert set(results) == {"admitted", "already_entered", "qr_invalid"}
    assert 4 < Counter(results)["admitted"] < 26
    refused = [
        payload for payload, said in zip(payloads, results, strict=True) if said != "admitted"
    ]
    assert "admitted" not in [scan(payload) for payload in refused]
    app.switch("entry_refused", 0)
    assert [scan(payload) for payload in refused] == ["admitted"] * len(refused)
