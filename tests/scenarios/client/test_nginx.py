"""The client against a real nginx: TLS, compression, redirects, closing, ports of its own."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dress_rehearsal.records.environment_variables import child_environment
from dress_rehearsal.records.http import ask
from dress_rehearsal.records.http.reach import reach_of
from dress_rehearsal.scenarios.client.session import Client
from tests.scenarios.client.conftest import Authority

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
if NGINX is None and os.environ.get("REHEARSE_REQUIRE_NGINX") == "1":
    raise RuntimeError("REHEARSE_REQUIRE_NGINX=1, and there is no nginx")

pytestmark = [pytest.mark.servers, pytest.mark.skipif(NGINX is None, reason="there is no nginx")]

CONFIG = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    access_log {folder}/access.log; client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    types {{ }} default_type application/json;
    gzip on; gzip_types application/json; gzip_min_length 100;
    server {{
        listen 127.0.0.1:{https} ssl; listen [::1]:{https} ssl;
        listen 127.0.0.1:{http};
        ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
        ssl_protocols {protocols};
        root {folder}/pages;
        location = /api/none {{ return 204; }}
        location = /api/moved {{ return 302 /api/large.json; }}
        location = /api/away {{ return 307 https://not-allowed.example/; }}
        location = /api/login {{
            add_header Set-Cookie "session=abc; Path=/api; Secure; HttpOnly";
            return 200 '{{"in": true}}';
        }}
        location = /api/who {{
            return 200 '{{"cookie": "$http_cookie", "by": "$http_user_agent"}}';
        }}
        location = /api/locked {{ auth_basic "x"; auth_basic_user_file {folder}/users; }}
        location = /api/closes {{ keepalive_timeout 0; return 200 '{{}}'; }}
    }}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module", params=["TLSv1.3", "TLSv1.2"])
def nginx(
    request: pytest.FixtureRequest, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, int]]:
    """nginx with a configuration of its own; its ports of https and http."""
    folder = tmp_path_factory.mktemp("nginx")
    pages = folder / "pages" / "api"
    pages.mkdir(parents=True)
    (pages / "large.json").write_text('{"seats": [' + "1, " * 20_000 + "1]}")
    (pages / "locked").write_text("{}")
    (folder / "users").write_text("ann:{PLAIN}pw\n")
    shown = authority.ca.issue_cert("localhost", "127.0.0.1", "::1")
    shown.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
    shown.private_key_pem.write_to_path(str(folder / "server.key"))
    https, http = free_port(), free_port()
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, https=https, http=http, protocols=request.param))
    assert NGINX is not None
    with Path(folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen(
            [NGINX, "-c", str(config), "-p", str(folder), "-e", "stderr"],
            stderr=log,
            env=child_environment(),
        )
    try:
        deadline = time.monotonic() + 10
        while True:
            assert process.poll() is None, (folder / "nginx.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", http), 1).close()
            except OSError:
                assert time.monotonic() < deadline, "nginx does not listen"
                time.sleep(0.02)
            else:
                break
        yield https, http
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def asked(nginx, authority, client_of):
    def make(host: str = "localhost") -> tuple[Client, list[tuple[str, str | int]]]:
        client, performer = client_of(f"https://{host}:{nginx[0]}/api", ca_file=authority.file)
        return client, performer.rows

    return make


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_student_s_way_through_tls(asked, host):
    client, rows = asked(host)
    assert client.post("/login", data={"email": "a@b.example"}).json() == {"in": True}
    who = client.get("/who").json()
    assert who["cookie"] == "session=abc"
    assert who["by"].startswith("dress-rehearsal/")
    assert client.get("/none").status == 204
    assert client.head("/large.json").content == b""
    large = client.get("/large.json")
    assert len(large.json()["seats"]) == 20_001
    assert large.headers["content-encoding"] == "gzip"
    assert client.get("/moved", allow_redirects=True).json() == large.json()
    assert client.get("/away", allow_redirects=True).status == 0
    assert client.get("/closes").ok
    assert client.get("/locked").status == 401
    assert client.get("/locked", auth=("ann", "pw")).ok
    assert rows == [
        ("POST /login", 200),
        ("GET /who", 200),
        ("GET /none", 204),
        ("HEAD /large.json", 200),
        ("GET /large.json", 200),
        ("GET /moved", 302),
        ("GET /large.json", 200),
        ("GET /away", 307),
        ("GET /away", "redirect_refused"),
        ("GET /closes", 200),
        ("GET /locked", 401),
        ("GET /locked", 200),
    ]


def test_https_asked_in_http_is_told_so(nginx, client_of):
    client, _ = client_of(f"http://127.0.0.1:{nginx[0]}")
    assert client.get("/").status == 400


def test_http_asked_in_https_is_a_word(nginx, client_of, authority):
    client, performer = client_of(f"https://127.0.0.1:{nginx[1]}", ca_file=authority.file)
    assert client.get("/").status == 0
    assert performer.rows == [("GET /", "tls_failed")]


def test_the_conductor_reaches_it_with_the_same_certificates(nginx, authority):
    answer = ask(
        "GET",
        f"https://localhost:{nginx[0]}/api/who",
        deadline_s=5,
        limit_bytes=10_000,
        reach=reach_of(authority.file, None),
    )
    assert answer.status == 200
