"""The plan's proxy: a tunnel for https, the whole URL for http, and no other proxy ever."""

import select
import socket

import pytest

from dress_rehearsal.records.http.reach import PROXY_LOGIN
from dress_rehearsal.records.tables import CONNECT_ERRORS
from dress_rehearsal.scenarios.errors import NotSentError
from tests.scenarios.client.line import Line, origin_at


def relay(one: socket.socket, other: socket.socket) -> None:
    while True:
        for ready in select.select([one, other], [], [], 5)[0]:
            data = ready.recv(65_536)
            if not data:
                return
            (other if ready is one else one).sendall(data)


@pytest.fixture
def proxy(listen):
    """A proxy, and the heads that it was asked with."""
    asked = []

    def speak(plain):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += plain.recv(1)
        asked.append(head.decode())
        first = head.decode().split()
        if first[0] != "CONNECT":
            plain.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            plain.recv(1)
            return
        if "forbidden" in first[1]:
            plain.sendall(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
            return
        port = int(first[1].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as there:
            plain.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            relay(plain, there)

    return listen(speak).port, asked


def test_https_goes_through_a_tunnel_of_the_proxy(serve_tls, proxy, authority, monkeypatch):
    """The name is the proxy's to look up; the certificate is checked for it all the same."""
    monkeypatch.setenv(PROXY_LOGIN, "ann:s3cr3t")
    port, asked = proxy
    server, _ = serve_tls(authority.context("shop.example"))
    origin = origin_at(
        f"https://shop.example:{server.port}/api",
        authority.file,
        allow=("shop.example",),
        proxy=f"http://127.0.0.1:{port}",
    )
    line = Line(origin)
    assert line.ask().status == 200
    line.connection.close()
    assert asked[0].splitlines()[:2] == [
        f"CONNECT shop.example:{server.port} HTTP/1.1",
        f"Host: shop.example:{server.port}",
    ]
    assert "Proxy-Authorization: Basic YW5uOnMzY3IzdA==" in asked[0]
    assert server.received[0].path == "/api/here"
    assert "proxy-authorization" not in server.received[0].headers
    assert "s3cr3t" not in repr(origin)


def test_http_names_the_whole_url_to_the_proxy(proxy, monkeypatch):
    monkeypatch.setenv(PROXY_LOGIN, "ann:s3cr3t")
    port, asked = proxy
    origin = origin_at(
        "http://shop.example/api", allow=("shop.example",), proxy=f"http://127.0.0.1:{port}"
    )
    line = Line(origin)
    assert line.ask().body == b"{}"
    line.connection.close()
    assert asked[0].startswith(
        "GET http://shop.example/api/here HTTP/1.1\r\nHost: shop.example\r\n"
    )
    assert "Proxy-Authorization: Basic" in asked[0]


def test_a_proxy_that_says_no_is_a_word(proxy):
    port, _ = proxy
    origin = origin_at("https://forbidden.example", proxy=f"http://127.0.0.1:{port}")
    with pytest.raises(NotSentError, match=r"^proxy_refused$"):
        Line(origin).ask()
    assert "proxy_refused" in CONNECT_ERRORS


def test_proxies_of_the_environment_are_not_asked(server, monkeypatch):
    for name in ("http_proxy", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    line = Line(origin_at(server.url))
    assert line.ask().status == 200
    line.connection.close()
