"""How the conductor reaches a host: through the proxy that it was told, and no other."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from dress_rehearsal.records.http import NoAnswerError, ask
from dress_rehearsal.records.http.reach import PROXY_LOGIN, UnreachableError, proxy_of, reach_of


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str], list[bytes]]]:
    """A proxy's URL, what it was asked, and what it answers."""
    asked: list[str] = []
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"]

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                taken, _ = listener.accept()
                with taken:
                    head = b""
                    while not head.endswith(b"\r\n\r\n"):
                        head += taken.recv(1)
                    asked.append(head.decode())
                    taken.sendall(answers[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked, answers
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def question(url: str, proxy: str | None) -> int:
    return ask("GET", url, deadline_s=5, limit_bytes=10_000, reach=reach_of(None, proxy)).status


def test_http_names_the_whole_url_to_the_proxy(proxy, monkeypatch):
    monkeypatch.setenv(PROXY_LOGIN, "ann:s3cr3t")
    url, asked, _ = proxy
    assert question("http://shop.example/ready?a=1", url) == 200
    assert asked[0].startswith("GET http://shop.example/ready?a=1 HTTP/1.1\r\nHost: shop.example\r")
    assert "Proxy-Authorization: Basic YW5uOnMzY3IzdA==\r\n" in asked[0]
    assert "s3cr3t" not in repr(reach_of(None, url))


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"HTTP/1.1 407 No\r\n\r\n", "unreachable"),
        (b"", "unreachable"),
        (b"x" * 20_000, "unreachable"),
        (b"HTTP/1.1 200 Connected\r\n\r\nHTTP/1.1 400 \r\n\r\n", "tls"),
    ],
)
def test_https_goes_through_a_tunnel_or_not_at_all(proxy, answer, failure):
    url, asked, answers = proxy
    answers[0] = answer
    with pytest.raises(NoAnswerError) as caught:
        question("https://shop.example/ready", url)
    assert caught.value.failure == failure
    assert asked[0].startswith("CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443\r\n")


def test_a_proxy_of_the_environment_is_not_asked(proxy, monkeypatch):
    url, asked, _ = proxy
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, url)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(NoAnswerError):
        question(f"http://127.0.0.1:{port}/", None)
    assert asked == []


@pytest.mark.parametrize("url", ["socks5://a:1", "http://", "http://a:x", "http://a@b:1", "a"])
def test_what_is_no_proxy_is_a_sentence(url):
    with pytest.raises(UnreachableError, match=r"http://host:port"):
        proxy_of(url)


def test_a_login_without_a_password_is_a_sentence(monkeypatch):
    monkeypatch.setenv(PROXY_LOGIN, "s3cr3t")
    with pytest.raises(UnreachableError, match=PROXY_LOGIN) as caught:
        proxy_of("http://127.0.0.1:1")
    assert "s3cr3t" not in str(caught.value)
