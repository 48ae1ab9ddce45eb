"""A scenario's client: requests as one writes them, cookies, redirects, and no secret elsewhere."""

import json
import socket

import pytest

from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.client.session import Client
from tests.scenarios.client.conftest import Performer


@pytest.fixture
def client(client_of, server):
    return client_of(f"{server.url}/api")


def test_what_is_asked_for_is_what_arrives(client, server):
    asked, performer = client
    asked.post(
        "/orders",
        params={"show": "Winter fest", "seat": [1, 2], "none": None},
        json={"name": "Zoë"},
        headers={"X-CSRF-Token": "c"},
        auth=("ann", "pässword"),
    )
    (got,) = server.received
    assert (got.method, got.path) == ("POST", "/api/orders?show=Winter+fest&seat=1&seat=2")
    assert json.loads(got.body) == {"name": "Zoë"}
    assert got.headers["content-type"] == "application/json"
    assert got.headers["x-csrf-token"] == "c"
    assert got.headers["authorization"] == "Basic YW5uOnDDpHNzd29yZA=="
    assert got.headers["user-agent"].startswith("dress-rehearsal/")
    assert got.headers["user-agent"].endswith(" (run-1)")
    assert got.headers["host"] == f"127.0.0.1:{server.port}"
    assert got.headers["accept-encoding"] == "gzip, deflate, br"
    assert "expect" not in got.headers
    assert performer.rows == [("POST /orders", 200)]


def test_what_is_asked_alike_is_asked_with_what_the_student_holds_by_then(client, server, respond):
    asked, performer = client
    cookie = {"set_cookie": "s=1; Path=/"}
    server.respond = lambda request, peer: respond(
        200, {}, **(cookie if "in" in request.path else {})
    )
    for _ in range(2):
        asked.get("/a")
        asked.get("/a", name="another")
    asked.log_in_as("token")
    asked.get("/a")
    asked.log_in_as(None)
    asked.get("/in")
    asked.get("/a")
    sent = [
        (got.headers.get("authorization"), got.headers.get("cookie")) for got in server.received
    ]
    assert sent == [(None, None)] * 4 + [("Bearer token", None), (None, None), (None, "s=1")]
    assert [step for step, _ in performer.rows[:4]] == ["GET /a", "GET another"] * 2


@pytest.mark.parametrize(
    ("options", "body", "kind"),
    [
        ({"data": {"a": "1 2", "b": ["x", "ü"]}}, b"a=1+2&b=x&b=%C3%BC", "form-urlencoded"),
        ({"data": [("a", 1), ("a", 2)]}, b"a=1&a=2", "form-urlencoded"),
        ({"data": "text ü"}, "text ü".encode(), "text/plain"),
        ({"data": b"\0raw"}, b"\0raw", None),
        ({"json": []}, b"[]", "application/json"),
        ({}, b"", None),
    ],
)
def test_a_body_is_a_form_json_or_as_it_is(client, server, options, body, kind):
    client[0].post("/", **options)
    (got,) = server.received
    assert got.body == body
    assert got.headers["content-length"] == str(len(body))
    if kind is None:
        assert "content-type" not in got.headers
    else:
        assert kind in got.headers["content-type"]


def test_a_header_of_the_scenario_takes_the_place_of_another(client_of, server, monkeypatch):
    monkeypatch.setenv("SHOP_KEY", "s3cr3t")
    client, _ = client_of(server.url, headers={"X-Key": "env:SHOP_KEY", "X-Team": "blue"})
    client.get("/", headers={"accept": "text/html", "X-TEAM": "red", "Accept-Encoding": None})
    client.get("/")
    first, second = (request.headers for request in server.received)
    assert (first["accept"], first["x-team"], first["x-key"]) == ("text/html", "red", "s3cr3t")
    assert "accept-encoding" not in first
    assert (second["x-team"], second["x-key"]) == ("blue", "s3cr3t")
    assert "s3cr3t" not in repr(client.origin)


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nY: b"},
        {"X": "a€"},
        {"X y": "a"},
        {"X:": "a"},
        {"Content-Length": "3"},
        {"Expect": "100-continue"},
    ],
)
def test_a_header_that_would_break_the_message_is_a_defect_of_the_scenario(client, server, headers):
    with pytest.raises(ValueError, match=r"header|sets"):
        client[0].get("/", headers=headers)
    assert server.received == []


def test_a_path_cannot_smuggle_a_request(client, server):
    client[0].get("/a b\r\nX: y/ü#part")
    (got,) = server.received
    assert got.path == "/api/a%20b%0D%0AX:%20y/%C3%BC"


@pytest.mark.parametrize("method", ["", "G T", "GET\r\nX: y", "GÉT"])
def test_a_method_that_would_break_the_message_is_a_defect_of_the_scenario(client, server, method):
    with pytest.raises(ValueError, match="one word"):
        client[0].request(method, "/")
    assert not server.received


def test_a_name_of_a_step_is_kept_as_it_can_be_shown(client, server):
    client[0].get("/", name="\ud800\n" + "x" * 500)
    (row,) = client[1].rows
    assert row[0].startswith("GET \\ud800\\nxxx")
    assert len(row[0]) < 140


def test_a_bearer_and_a_name_of_the_step(client, server):
    asked, performer = client
    asked.delete("/orders/17", auth="t0ken", name="/orders/{order}")
    assert server.received[0].headers["authorization"] == "Bearer t0ken"
    assert performer.rows == [("DELETE /orders/{order}", 200)]


def test_an_answer_is_read_in_every_form(client, server, respond):
    server.respond = lambda request, peer: respond(
        200, '{"a": "é"}'.encode("latin-1"), Content_Type="text/html; charset=latin-1", X_One="1"
    )
    answer = client[0].get("/")
    assert (answer.status, answer.ok, answer.text) == (200, True, '{"a": "é"}')
    assert answer.headers["x-ONE"] == "1"
    assert answer.url == f"{server.url}/api/"
    server.respond = lambda request, peer: respond(404, b"<html>")
    answer = client[0].get("/")
    assert not answer.ok
    with pytest.raises(ValueError, match="404"):
        answer.json()


def test_no_answer_is_a_status_of_0(client, server):
    server.respond = lambda request, peer: b""
    asked, performer = client
    answer = asked.get("/")
    assert (answer.status, answer.ok, answer.content, answer.text) == (0, False, b"", "")
    with pytest.raises(ValueError, match="no answer"):
        answer.json()
    assert performer.rows[0][1] in ("connection_lost", "connection_reset")


def test_cookies_go_where_they_belong(client, server, respond):
    asked, _ = client

    def set_cookie(request, peer):
        lines = ["a=1; Path=/", "b=2; Path=/api/deep", "c=3; Secure", "d=4; Domain=example.com"]
        return respond(200, {}).replace(
            b"\r\n\r\n", "".join(f"\r\nSet-Cookie: {line}" for line in lines).encode() + b"\r\n\r\n"
        )

    server.respond = set_cookie
    asked.get("/")
    asked.get("/deep/er")
    asked.get("/other")
    assert [request.headers.get("cookie") for request in server.received] == [
        None,
        "b=2; a=1",
        "a=1",
    ]
    assert asked.cookies["a"] == "1"


def redirect(respond, status, location):
    return respond(status, {}, Location=location)


def test_a_redirect_is_an_answer_like_any_other_unless_followed(client, server, respond):
    server.respond = lambda request, peer: redirect(respond, 302, "/elsewhere")
    asked, performer = client
    answer = asked.post("/orders", json={})
    assert (answer.status, answer.headers["location"]) == (302, "/elsewhere")
    assert performer.rows == [("POST /orders", 302)]


@pytest.mark.parametrize(
    ("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")]
)
def test_each_hop_is_a_row(client, server, respond, status, method):
    def answer(request, peer):
        if request.path == "/api/orders":
            return redirect(respond, status, "orders/1234?x=1#y")
        return respond(200, {"here": True})

    server.respond = answer
    asked, performer = client
    got = asked.post("/orders", json={"a": 1}, headers={"X-T": "t"}, allow_redirects=True)
    assert got.json() == {"here": True}
    assert got.url == f"{server.url}/api/orders/1234?x=1"
    last = server.received[1]
    assert (last.method, last.path, last.headers["x-t"]) == (method, "/api/orders/1234?x=1", "t")
    assert last.body == (b'{"a": 1}' if method == "POST" else b"")
    assert performer.rows == [("POST /orders", status), (f"{method} /orders/{{id}}", 200)]


@pytest.mark.parametrize(
    "location",
    [
        "http://not-allowed.example/x",
        "https://not-allowed.example/x",
        "//not-allowed.example/x",
        "http://user@127.0.0.1/x",
        "ftp://127.0.0.1/x",
        "http://[::1/x",
        "javascript:alert(1)",
        "http://127.0.0.1.not-allowed.example/",
    ],
)
def test_a_redirect_to_a_host_that_is_not_allowed_is_not_sent(
    client, server, respond, monkeypatch, location
):
    looked_up = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **_: looked_up.append(asked) or [])
    server.respond = lambda request, peer: redirect(respond, 307, location)
    asked, performer = client
    answer = asked.post("/orders", json={}, allow_redirects=True)
    assert answer.status == 0
    assert performer.rows == [("POST /orders", 307), ("POST /orders", "redirect_refused")]
    assert len(server.received) == 1
    assert looked_up == [], "not even its name is looked up"


def test_a_host_that_is_not_allowed_is_not_asked(client, server):
    asked, performer = client
    assert asked.get("https://not-allowed.example/pay").status == 0
    assert performer.rows == [("GET /pay", "host_refused")]


def test_a_target_elsewhere_cannot_send_students_to_this_machine():
    origin = Origin("shop.example", ("192.0.2.1", 80), allow=("shop.example",))
    performer = Performer(origin)
    Client(origin, performer).get("http://127.0.0.1:6379/")
    assert performer.rows == [("GET /", "host_refused")]


def test_a_redirect_loop_has_an_end(client, server, respond):
    server.respond = lambda request, peer: redirect(respond, 302, "/api/loop")
    asked, performer = client
    assert asked.get("/loop", allow_redirects=True).status == 0
    assert performer.rows[-1] == ("GET /loop", "too_many_redirects")
    assert len(server.received) == 11


def test_no_secret_goes_to_another_origin(client_of, server, respond, monkeypatch):
    """`localhost` with the same port is another origin; it gets cookies of its own only."""
    monkeypatch.setenv("SHOP_KEY", "s3cr3t")
    client, performer = client_of(server.url, headers={"X-Key": "env:SHOP_KEY"})

    def answer(request, peer):
        cookie = {"Set_Cookie": f"{request.headers['host'][0]}=s3cr3t; Path=/"}
        if request.headers["host"].startswith("127.") and request.path == "/out":
            return respond(307, {}, Location=f"http://localhost:{server.port}/back", **cookie)
        if request.path == "/back":
            return respond(302, {}, Location=f"{server.url}/home", **cookie)
        return respond(200, {}, **cookie)

    server.respond = answer
    secrets = {"Authorization": "Bearer s3cr3t", "X-Token": "s3cr3t", "Cookie": "z=s3cr3t"}
    got = client.get("/out", headers=secrets | {"Accept": "text/html"}, allow_redirects=True)
    assert got.status == 200
    first, other, last = (request.headers for request in server.received)
    assert first["authorization"] == "Bearer s3cr3t"
    assert "s3cr3t" not in str(other)
    assert other["accept"] == "text/html"
    assert last["cookie"] == "1=s3cr3t", "back home its cookie is there, and nothing else"
    assert last["x-key"] == "s3cr3t"
    assert "authorization" not in last
    assert [step for step, _ in performer.rows] == ["GET /out", "GET /back", "GET /home"]


@pytest.mark.parametrize("family", [socket.AF_INET6])
def test_ipv6(client_of, family):
    with socket.create_server(("::1", 0), family=family) as listener:
        port = listener.getsockname()[1]
        client, performer = client_of(f"http://[::1]:{port}")
        assert client.origin.address == ("::1", port)
        assert client.origin.host == f"[::1]:{port}"
    assert client.get("/").status == 0
    assert performer.rows == [("GET /", "connect_refused")]
