"""What is no Grafana, does not answer or would not be safe is told, and gets no token."""

import json
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from dress_rehearsal.dashboards import errors
from dress_rehearsal.dashboards.push import push
from tests.dashboards.push.grafana_double import grafana
from tests.dashboards.push.grafana_rules import TOKEN
from tests.dashboards.push.pushing import OPEN, failure, pushed
from tests.hostile_http import MODES, hostile

# What answers is no Grafana.


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, b"<html>Welcome</html>", {"Content-Type": "text/html"}),
        (404, b"not found, sorry; no message", {"Content-Type": "text/plain"}),
        (404, b'{"message": "no such page"}', {}),
        (200, b"", {}),
        (200, b'["message"]', {}),
        (401, b"<html>log in</html>", {"Content-Type": "text/html"}),
        (302, b"", {"Location": "https://login.example.org/?secret=1"}),
    ],
)
def test_something_else_than_a_grafana_is_told_and_never_sees_the_token(status, body, headers):
    with grafana() as double:
        double.answer("GET", "/health", status, body, headers=headers)
        said = failure(double, errors.NotGrafanaError)
        assert double.url in said and "secret" not in said
        assert "Nothing was changed" in said
        assert all("Authorization" not in each.headers for each in double.requests)


@pytest.mark.parametrize(
    "body", [b"<html>message</html>", b'"a message"', b"7", b"null", b"\xff\xfe", b'{"messag']
)
def test_error_bodies_that_are_no_objects_do_not_confuse(body):
    with grafana() as double:
        double.answer("GET", "/folders/dress-rehearsal", 500, body)
        said = failure(double, errors.ServerFailedError)
        assert "(500)" in said and "GET /api/folders/dress-rehearsal" in said


# No answer.


def test_an_unreachable_server_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(errors.ServerUnreachableError, match="connection refused") as caught:
            push(url, TOKEN, dashboards={})
    assert "Nothing was changed" in str(caught.value)


def test_an_unknown_host_is_told():
    with pytest.raises(errors.ServerUnreachableError, match=r"grafana\.invalid cannot be reached"):
        push("https://grafana.invalid", TOKEN, dashboards={}, timeout_s=5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "known"),
    [
        ("GET", "/health", True),
        ("GET", "/folders/dress-rehearsal", True),
        ("POST", "/folders", False),
    ],
)
def test_a_server_that_hangs_is_given_up(method, path, known):
    with grafana() as double:
        double.answer(method, path, hang=True)
        said = failure(double, errors.NoAnswerError, timeout_s=0.3)
        assert f"did not answer {method} /api{path}: no whole answer within 0.3 s" in said
        assert ("is not known" in said) != known


@pytest.mark.parametrize("mode", MODES)
def test_a_server_that_answers_without_end_or_sense_is_given_up(mode):
    wanted, _ = MODES[mode]
    kinds = {"late": errors.NoAnswerError, "broken": errors.NoAnswerError}
    with hostile(mode) as server:
        with pytest.raises(kinds.get(wanted, errors.NotGrafanaError)) as caught:
            push(server.url, TOKEN, dashboards={}, timeout_s=0.2 if wanted == "late" else 60)
        assert all(TOKEN.encode() not in seen for seen in server.seen)
    assert "Nothing was changed" in str(caught.value)


def test_a_connection_that_breaks_off_is_told():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def cut():
            server.accept()[0].close()

        cutting = threading.Thread(target=cut)
        cutting.start()
        with pytest.raises(errors.NoAnswerError, match="broke off at GET /api/health"):
            push(f"http://127.0.0.1:{server.getsockname()[1]}", TOKEN, dashboards={})
        cutting.join()


def test_tls_that_is_none_is_told():
    with grafana() as double:
        with pytest.raises(errors.TlsFailedError, match="no trusted TLS connection"):
            push(double.url.replace("http:", "https:"), TOKEN, dashboards={})
        assert double.requests == []


def test_a_certificate_of_ones_own_must_be_named(tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", str(key)]
        + ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(certificate)],
        check=True,
        capture_output=True,
    )

    class Old(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"database": "ok", "version": "9.0.0"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Old)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        url = f"https://127.0.0.1:{server.server_address[1]}"
        with pytest.raises(errors.TlsFailedError, match=r"self.signed certificate.*--ca-file"):
            push(url, TOKEN, dashboards={})
        with pytest.raises(errors.VersionTooOldError):  # so far it comes with the certificate
            push(url, TOKEN, dashboards={}, ca_file=certificate)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_interrupted_push_says_how_far_it_came():
    with grafana() as double:

        def interrupt(double, asked):
            if asked.path == "/dashboards/db":
                raise_in_main.set()

        raise_in_main = threading.Event()
        double.before = interrupt
        from dress_rehearsal.dashboards.push import dashboard as saving

        called = saving.Grafana.call

        def call(self, method, path, **options):
            answer = called(self, method, path, **options)
            if raise_in_main.is_set():
                raise KeyboardInterrupt
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(saving.Grafana, "call", call)
            said = failure(double, errors.PushInterruptedError)
        assert "folder dress-rehearsal created" in said
        assert f"for dashboard {OPEN}, took effect is not known" in said


# What is refused before anything is sent.


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("grafana.example.org", "http or https URL"),
        ("ftp://grafana.example.org", "http or https URL"),
        ("https://", "http or https URL"),
        ("https://grafana.example.org/?orgId=1", "without what follows"),
        ("https://host:port", "not a URL"),
        ("https://a b.example", "cannot be looked up"),
        ("https://admin:hunter2@grafana.example.org", "user name or password"),
        ("http://grafana.example.org", "unencrypted"),
        ("http://10.0.0.7:3000", "--allow-http"),
    ],
)
def test_urls_that_are_none_or_unsafe_are_refused(url, word):
    with pytest.raises(errors.PushRefusedError) as caught:
        push(url, TOKEN, dashboards={})
    assert word in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("token", [None, "", "  \n", "two words", "glsa_a\r\nX: y", "schlüssel"])
def test_tokens_that_are_none_are_refused_without_being_shown(token):
    with pytest.raises(errors.PushRefusedError, match="REHEARSE_GRAFANA_TOKEN") as caught:
        push("http://127.0.0.1:1", token, dashboards={})
    assert not token or token.strip() == "" or token not in str(caught.value)


@pytest.mark.parametrize("url", ["prom:9090", "http://a:b@prom:9090", "http://prom:9090/?x=1", ""])
def test_data_source_urls_that_are_none_or_carry_secrets_are_refused(url):
    with grafana() as double:
        failure(double, errors.PushRefusedError, datasource_url=url)
        assert double.requests == []


def test_a_certificate_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "words.pem").write_text("no certificate")
    for name in ("none.pem", "words.pem"):
        with pytest.raises(errors.PushRefusedError, match="--ca-file"):
            push("https://127.0.0.1:1", TOKEN, dashboards={}, ca_file=tmp_path / name)


def test_a_redirect_is_told_and_not_followed():
    with grafana() as other, grafana() as double:
        double.answer(
            "POST", "/folders", 307, headers={"Location": f"{other.url}/api/folders?token=1"}
        )
        said = failure(double, errors.NotGrafanaError)
        assert f"{other.url}/api/folders;" in said
        assert other.requests == []


def test_nothing_but_the_token_of_the_environment_is_sent(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with grafana() as double:  # holds that the health check bears no Authorization
        pushed(double)
        sent = {each.headers.get("Authorization") for each in double.requests}
        assert sent == {None, f"Bearer {TOKEN}"}
