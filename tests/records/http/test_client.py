"""Whatever a server does, an answer is whole within its bounds, or there is a sentence instead."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dress_rehearsal.records.http import KIB, MIB, Connection, NoAnswerError, ask, json_of
from tests.hostile_http import MODES, hostile

PATIENCE_S = 0.2


def refused(url: str, **options: object) -> NoAnswerError:
    """Ask what cannot be answered, and give what is raised."""
    bounds = {"deadline_s": PATIENCE_S, "limit_bytes": 256 * KIB, **options}
    with pytest.raises(NoAnswerError) as caught:
        ask("GET", url, **bounds)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("mode", MODES)
def test_whatever_a_server_does_it_has_an_end_and_a_reason(mode: str) -> None:
    wanted, _ = MODES[mode]
    with hostile(mode) as server:
        # What something else than time ends may take its time on a busy machine.
        error = refused(server.url, deadline_s=PATIENCE_S if wanted == "late" else 30.0)
    words = {
        "late": f"no whole answer within {PATIENCE_S} s",
        "large": "more than 256 KiB",
        "broken": "the connection was closed",
        "garbage": "what answers does not speak HTTP",
    }
    assert error.failure == wanted
    assert words[wanted] in str(error)


def test_a_server_that_takes_nothing_in_is_given_up() -> None:
    with hostile("silent", reads=False) as server:
        error = refused(server.url, body=bytes(64 * MIB))
    assert error.failure == "late"


def test_nobody_there_is_told_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = refused(f"http://127.0.0.1:{taken.getsockname()[1]}", deadline_s=30.0)
    assert (error.failure, str(error)) == ("unreachable", "Connection refused")


def test_an_unknown_host_is_told() -> None:
    assert refused("http://nowhere.invalid", deadline_s=30.0).failure == "unreachable"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "127.0.0.1:80",
        "http://",
        "http://127.0.0.1:port/",
        "http://127.0.0.1:99999/",
        "http://user:s3cr3t@127.0.0.1/",
        "http://[::1/",
        "http://127.0.0.1/two words",
        "http://" + "ä" * 100 + "/",
    ],
)
def test_what_is_no_url_is_refused_unquoted(url: str) -> None:
    error = refused(url)
    assert error.failure == "usage"
    assert "s3cr3t" not in str(error)


@pytest.mark.parametrize("token", ["a\r\nHost: other", "a\nb", "price€", "nul\0"])
def test_a_token_that_no_header_can_hold_is_not_sent_and_not_shown(token: str) -> None:
    with hostile("closes") as server:
        error = refused(server.url, headers={"Authorization": f"Bearer {token}"})
        assert server.seen == []
    assert error.failure == "usage"
    assert token not in str(error)


def test_a_redirect_is_an_answer_and_the_token_goes_nowhere_else() -> None:
    with hostile("closes") as other, hostile("redirect", location=f"{other.url}/there") as server:
        answer = ask(
            "PUT",
            f"{server.url}/here?x=1",
            body=b"{}",
            headers={"Authorization": "Bearer s3cr3t"},
            deadline_s=10.0,
            limit_bytes=KIB,
        )
        assert (answer.status, answer.headers["location"]) == (307, f"{other.url}/there")
        assert other.seen == []
        (seen,) = server.seen
    assert seen.startswith(b"PUT /here?x=1 HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer s3cr3t\r\n" in seen


def test_no_variable_names_a_proxy_or_a_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    netrc = tmp_path / "netrc"  # type: ignore[operator]
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with hostile("closes") as proxy, serving(lambda _: b"{}") as url:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        answer = ask("GET", url, deadline_s=10.0, limit_bytes=MIB)
        assert proxy.seen == []
    assert answer.body == b"{}"


# Answers as they should be.


@contextmanager
def serving(
    body_of: Callable[[BaseHTTPRequestHandler], bytes], protocol: str = "HTTP/1.1"
) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = protocol

        def do_GET(self) -> None:
            body = body_of(self)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"
        b"Content-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 404 No\r\nX: y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}\0\1\2",
    ],
)
@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_an_answer_is_read_however_it_is_framed_and_cut(wire: bytes, pieces: int) -> None:
    step = max(1, len(wire) // pieces)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError):  # whoever has its answer hears no more
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.recv(4096)
                for start in range(0, len(wire), step):
                    connection.sendall(wire[start : start + step])

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        answer = ask("GET", url, deadline_s=30.0, limit_bytes=KIB)
        thread.join()
    assert (answer.status, answer.body) == (200, b"{}")
    assert "x" not in answer.headers


def test_an_answer_of_just_the_size_allowed_is_whole() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"
    for limit, whole in ((len(head) + 900, True), (len(head) + 899, False)):
        MODES["exact"] = ("large", lambda _: (head + bytes(900),))
        try:
            with hostile("exact") as server:
                if whole:
                    assert (
                        len(ask("GET", server.url, deadline_s=30.0, limit_bytes=limit).body) == 900
                    )
                else:
                    assert (
                        refused(server.url, deadline_s=30.0, limit_bytes=limit).failure == "large"
                    )
        finally:
            del MODES["exact"]


def test_a_connection_is_kept_from_one_question_to_the_next() -> None:
    with serving(_caller) as url, closing(Connection(url)) as connection:
        asked = [connection.ask("GET", "/", deadline_s=10.0, limit_bytes=KIB) for _ in range(3)]
        assert len({answer.body for answer in asked}) == 1
        connection.close()
        again = connection.ask("GET", "/", deadline_s=10.0, limit_bytes=KIB)
        assert again.body != asked[0].body


def test_a_connection_that_the_server_does_not_keep_is_made_anew() -> None:
    with serving(_caller, "HTTP/1.0") as url, closing(Connection(url)) as connection:
        asked = [connection.ask("GET", "/", deadline_s=10.0, limit_bytes=KIB) for _ in range(3)]
    assert len({answer.body for answer in asked}) == 3


def _caller(handler: BaseHTTPRequestHandler) -> bytes:
    """Return who asks: another connection has another port."""
    return repr(handler.client_address).encode()


def test_after_a_question_that_failed_the_connection_is_made_anew() -> None:
    slow = threading.Event()

    def body_of(handler: BaseHTTPRequestHandler) -> bytes:
        if handler.path == "/slow":
            slow.wait(30)
            return b"late"
        return b"prompt"

    with serving(body_of) as url, closing(Connection(url)) as connection:
        with pytest.raises(NoAnswerError, match=r"no whole answer within 0\.2 s"):
            connection.ask("GET", "/slow", deadline_s=0.2, limit_bytes=KIB)
        answer = connection.ask("GET", "/", deadline_s=10.0, limit_bytes=KIB)
        slow.set()
    assert answer.body == b"prompt"


def test_localhost_is_found_wherever_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _: b"{}") as url:
        port = int(url.rpartition(":")[2])
        both = [
            (family, socket.SOCK_STREAM, 6, "", (ip, port))
            for family, ip in ((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1"))
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
        answer = ask("GET", f"http://localhost:{port}", deadline_s=10.0, limit_bytes=KIB)
    assert answer.status == 200


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000, b"\xff", b""])
def test_json_that_cannot_be_read_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):
        json_of(text)
    assert json_of(b'{"a": [1]}') == {"a": [1]}
