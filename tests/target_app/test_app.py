"""The API as a whole: its description, its probes, and problems for whatever is not there."""

from collections.abc import Callable
from typing import Any

import pytest

from dress_rehearsal.target_app.http.problems import KINDS


@pytest.fixture
def app(start_app: Callable[..., Any]) -> Any:
    return start_app()


def test_the_description_names_every_route_and_refusal(app: Any) -> None:
    description = app.http.get("/schema").json()
    assert app.http.get("/schema/openapi.json").json() == description
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == {
        "POST /login",
        "POST /logout",
        "GET /events/{event}",
        "GET /events/{event}/countdown",
        "POST /events/{event}/tickets",
        "PUT /admin/events/{event}",
        "GET /tickets/{ticket}",
        "GET /tickets/{ticket}/qr",
        "POST /gate/scan",
        "GET /healthz",
        "GET /readyz",
    }
    buying = operations["POST /events/{event}/tickets"]
    assert {parameter["name"] for parameter in buying["parameters"]} == {"event", "Idempotency-Key"}
    for code in ("too_early", "sold_out", "already_holds_ticket"):
        assert f"`{code}`" in buying["responses"]["409"]["description"]
    assert "image/svg+xml" in operations["GET /tickets/{ticket}/qr"]["responses"]["200"]["content"]
    for operation in operations.values():
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert set(answer["content"]) == {"application/problem+json"}


def test_an_address_that_is_not_there_is_not_found(app: Any) -> None:
    answer = app.http.get("/nothing/here")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_method_that_is_not_there_names_those_that_are(app: Any) -> None:
    answer = app.http.delete("/login")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]


def test_probes_are_content(app: Any) -> None:
    assert app.http.get("/healthz").json() == {"status": "alive"}
    assert app.http.get("/readyz").json() == {"status": "ready"}


def test_every_problem_has_a_status_a_title_and_a_sentence() -> None:
    for code, kind in KINDS.items():
        assert 400 <= kind.status < 600, code
        assert kind.title
        assert kind.detail.endswith(".")
