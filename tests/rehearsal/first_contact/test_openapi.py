"""Which routes of a described service look like a page, a login and a purchase."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dress_rehearsal.rehearsal.first_contact.draft import scenario_text
from dress_rehearsal.rehearsal.first_contact.openapi import guesses, is_openapi
from tests.properties.budget import try_out
from tests.rehearsal.first_contact.documents import FASTAPI, SWAGGER_2


def test_the_routes_of_an_openapi_3_document_are_guessed():
    found = guesses(FASTAPI)
    assert found.page is not None
    assert (found.page.path, found.page.filled) == ("/shows/{show}", "/shows/winterfest")
    assert found.login is not None
    assert found.login.path == "/session"
    assert found.login.fields == {"email": "self.person.student", "password": "self.person.pin"}
    assert found.login.told == "access_token"
    assert found.purchase is not None
    assert found.purchase.path == "/shows/{show}/orders"
    assert found.purchase.fields == {"quantity": "1"}
    assert found.purchase.told == "reference"
    assert {403, 409, 425} <= found.purchase.statuses


def test_the_routes_of_a_swagger_2_document_are_guessed():
    found = guesses(SWAGGER_2)
    assert found.login is not None
    assert found.login.form
    assert found.login.path == "/api/v1/auth/signIn"
    assert found.login.fields == {"username": "self.person.student", "passwd": "self.person.pin"}
    assert found.purchase is not None
    assert found.purchase.path == "/api/v1/tickets"
    assert found.purchase.fields == {"seat": "'A1'"}


@pytest.mark.parametrize(
    ("server", "route", "below", "asked"),
    [
        ("http://127.0.0.1:8080/api", "/orders", "/api", "/orders"),
        ("/api/", "/orders", "/api/", "/orders"),
        ("/api/v1", "/orders", "/api", "/v1/orders"),
        ("/", "/api/orders", "/api", "/orders"),  # NestJS says its global prefix of each route
        ("/api", "/orders", "", "/api/orders"),
        ("/api", "/orders", "/", "/api/orders"),
        ("/", "/orders", "/api", "/orders"),
        ("/apis", "/orders", "/api", "/apis/orders"),
    ],
)
def test_the_path_that_an_app_is_below_is_not_asked_for_twice(server, route, below, asked):
    paths = {route: {"post": {}}, f"{route}/{{id}}/login": {"post": {}}}
    document = {"openapi": "3.0.1", "servers": [{"url": server}], "paths": paths}
    found = guesses(document, below)
    assert found.purchase is not None
    assert found.purchase.path == asked
    assert found.login is not None
    assert (found.login.path, found.login.filled) == (f"{asked}/{{id}}/login", f"{asked}/1/login")


def test_where_nothing_looks_like_it_nothing_is_guessed():
    document = {"openapi": "3.0.0", "paths": {"/weather": {"post": {}}, "/orders": {"get": {}}}}
    found = guesses(document)
    assert (found.login, found.purchase, found.page) == (None, None, None)


def test_what_is_no_document_is_none():
    assert not is_openapi(None)
    assert not is_openapi({"openapi": "3.0.0"})
    assert not is_openapi({"openapi": "3.0.0", "paths": []})


def test_a_document_that_refers_to_itself_ends():
    schema = {"$ref": "#/components/schemas/A"}
    body = {"content": {"application/json": {"schema": schema}}}
    document = {
        "openapi": "3.0.0",
        "paths": {"/orders": {"post": {"requestBody": body}}},
        "components": {"schemas": {"A": schema}},
    }
    found = guesses(document)
    assert found.purchase is not None
    assert found.purchase.fields == {}


@pytest.mark.slow
def test_whatever_a_document_holds_the_scenario_is_python_and_nothing_of_it_runs():
    """Nothing of a document gets out of the text that it stands in."""
    pieces = ['"', "'", "\\", "\n", "{", "}", '"""', "/orders", "/login", ");exit(", "#", "id", "é"]
    texts = st.lists(st.sampled_from(pieces), max_size=6).map("".join)
    schemas = st.recursive(
        st.one_of(texts, st.integers(), st.none()),
        lambda inner: st.dictionaries(
            st.one_of(
                texts,
                st.sampled_from(["properties", "$ref", "type", "example", "required", "schema"]),
            ),
            st.one_of(inner, st.lists(inner, max_size=2)),
            max_size=4,
        ),
        max_leaves=12,
    )
    operations = st.fixed_dictionaries(
        {},
        optional={
            "operationId": texts,
            "summary": texts,
            "parameters": st.lists(schemas, max_size=2),
            "requestBody": st.fixed_dictionaries(
                {"content": st.dictionaries(st.just("application/json"), schemas, max_size=1)}
            ),
            "responses": st.dictionaries(st.sampled_from(["200", "409", "x"]), schemas),
        },
    )
    paths = st.dictionaries(
        st.one_of(texts, st.sampled_from(["/orders", "/login", "/{a}/buy"])),
        st.dictionaries(st.sampled_from(["get", "post", "put", "x"]), operations, max_size=3),
        max_size=4,
    )

    @given(paths, texts, texts)
    def any_document(paths, title, prefix):
        document = {
            "openapi": "3",
            "paths": paths,
            "info": {"title": title},
            "basePath": prefix,
        }
        tree = ast.parse(scenario_text(guesses(document), "/"))
        called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        allowed = {"self.client.get", "self.client.post", "self.client.put", "answer.json"}
        assert called <= {*allowed, "Granted", "Refused"}

    try_out(any_document)
