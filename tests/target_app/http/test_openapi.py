"""The description kept: whatever is sent to any route, its answer is one the description names."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

Start = Callable[..., Any]
EXAMPLES = 8  # for each route, each of the two tokens, and each way to make a request
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    allow_header_conformance,
]
ROUTES = 17
_students = itertools.count()


@pytest.fixture
def app(start_app: Start, redis_server: Any) -> Iterator[Any]:
    """An app with every route there is: a waiting room and fault switches."""
    yield start_app(APP_FAULTS="on", APP_WAITING_ROOM="sse", APP_TICKETS=5)
    with redis_server.client() as redis:
        redis.delete("faults", *redis.scan_iter("login:failed:*"))


def operations(app: Any) -> list[Any]:
    schema = schemathesis.openapi.from_url(f"{app.url}/schema/openapi.json")
    return [found.ok() for found in schema.get_all_operations()]


def token_for(app: Any, operation: Any) -> str | None:
    """The token that opens the route; None where it needs none."""
    kinds = {name for needed in operation.definition.raw.get("security", []) for name in needed}
    settings = app.stage.settings
    if "student" in kinds:
        # one of their own for each route: `POST /logout` ends a session
        bearer: str = app.login(next(_students) % 100)["Authorization"]
        return bearer
    if kinds:
        token = settings.admin_token if "admin" in kinds else settings.gate_token
        return f"Bearer {token.get_secret_value()}"
    return None


def known_places(app: Any, operation: Any) -> dict[str, str]:
    """Values of the path's parameters for which there is something at the end of it."""
    # One harmless fault, by name: `kill_after_grant` would end the tests themselves.
    known = {"event": app.stage.event, "fault": "views_lost", "ticket": "0" * 32}
    names = {parameter.name for parameter in operation.path_parameters}
    return {name: value for name, value in known.items() if name in names}


def attack(
    operation: Any, mode: GenerationMode, token: str | None, places: dict[str, str] | None
) -> set[int]:
    """Send many requests made from the description, hold each answer against it."""
    statuses = set()
    strategy = operation.as_strategy(generation_mode=mode, path_parameters=places)

    @hypothesis.seed(2026)
    @hypothesis.settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=strategy)
    def send(case: Any) -> None:
        headers = {} if token is None else {"Authorization": token}
        if token is None and case.headers:
            case.headers.pop("Authorization", None)
        answer = case.call(session=session, headers=headers, timeout=5)
        statuses.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    with requests.Session() as session:
        send()
    return statuses


def attack_all_ways(
    operation: Any, token: str | None, places: dict[str, str] | None
) -> tuple[set[int], set[int]]:
    """The statuses seen by a stranger, and by whoever has the token."""
    if places:
        attack(operation, GenerationMode.POSITIVE, None, None)  # wherever a stranger may look
    seen = {}
    for shown in {None, token}:  # the same where the route needs no token
        statuses = attack(operation, GenerationMode.POSITIVE, shown, places)
        # unsatisfiable: there is nothing in its description that a request could contradict
        with suppress(hypothesis.errors.Unsatisfiable):
            statuses |= attack(operation, GenerationMode.NEGATIVE, shown, places)
        seen[shown] = statuses
    return seen[None], seen[token]


def test_no_answer_is_a_server_error_or_one_the_description_does_not_name(app: Any) -> None:
    found = operations(app)
    assert len(found) == ROUTES, [operation.label for operation in found]
    for operation in found:
        token = token_for(app, operation)
        places = known_places(app, operation)
        stranger, friend = attack_all_ways(operation, token, places or None)
        if token is not None:
            assert 401 in stranger <= {400, 401}, operation.label
        if "ticket" not in places:
            assert friend - {401, 404}, operation.label


def test_a_failure_nobody_described_is_found(
    app: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> int:
        raise RuntimeError("the unforeseen")

    monkeypatch.setattr(app.asgi.services, "count_view", fail)
    (page,) = (found for found in operations(app) if found.label == "GET /events/{event}")
    with pytest.raises(FailureGroup, match="Server error"):
        attack(page, GenerationMode.POSITIVE, None, {"event": app.stage.event})


def test_nor_is_any_a_buyer_and_a_holder_get(start_app: Start) -> None:
    app = start_app("atomic_update")
    bearer = app.login(0)
    ticket = app.buy(bearer).json()["ticket"]
    places = {"event": app.stage.event, "ticket": ticket}
    seen: dict[str, set[int]] = {}
    for operation in operations(app):
        if "/tickets" in operation.label:
            names = {parameter.name for parameter in operation.path_parameters}
            here = {name: place for name, place in places.items() if name in names}
            buyer = bearer if "ticket" in names else app.login(1)
            statuses = attack_all_ways(operation, buyer["Authorization"], here)[1]
            seen[operation.label] = statuses - {401}  # some requests spoil the token
    assert seen == {
        "POST /events/{event}/tickets": {201, 400, 409},
        "GET /tickets/{ticket}": {200},
        "GET /tickets/{ticket}/qr": {200},
    }


def test_a_body_too_long_is_refused_as_described_wherever_there_is_one(app: Any) -> None:
    paths = app.http.get("/schema").json()["paths"]
    with_body = [
        (method, path, operation)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if "requestBody" in operation
    ]
    assert len(with_body) == 6
    for method, path, operation in with_body:
        answer = app.http.request(
            method,
            path.format(event=app.stage.event, fault="leak"),
            content=b"[" + b" " * 70_000 + b"]",
            # a server that has not read all of it closes the connection: the next has its own
            headers={"Content-Type": "application/json", "Connection": "close"},
        )
        assert answer.status_code == 413, path
        assert "413" in operation["responses"], path
