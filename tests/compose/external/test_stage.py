"""An external stage starts nothing, and sends nothing to a host the plan does not allow."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from dress_rehearsal.compose import (
    ExternalStage,
    HostNotAllowedError,
    StageUnusableError,
    TargetRefusedError,
)
from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.sections.opening import Opening
from dress_rehearsal.plans.sections.target import Target
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.scenarios.client.origin import Origin

NewRun = Callable[[Plan], RunDirectory]


class TicketService(BaseHTTPRequestHandler):
    """The few routes the conductor asks; its second and fourth answers come from a slow worker."""

    opens_at_ns = 1
    answers = 0

    def do_GET(self) -> None:
        TicketService.answers += 1
        stale = TicketService.answers in (2, 4)
        self.answer(200, {"opens_at_ns": 1 if stale else TicketService.opens_at_ns})

    def do_PUT(self) -> None:
        if self.headers["Authorization"] != "Bearer let-me-in":
            self.answer(401, {"code": "unauthenticated"})
            return
        length = int(self.headers["Content-Length"])
        TicketService.opens_at_ns = json.loads(self.rfile.read(length))["opens_at_ns"]
        self.answer(200, {})

    def answer(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[str]:
    TicketService.opens_at_ns, TicketService.answers = 1, 0
    with serving(TicketService) as url:
        yield url


@contextmanager
def serving(handler: type[TicketService]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def plan(url: str, *allow: str) -> Plan:
    return Plan(name="outside", target=Target(stage="external", url=url, allow=allow))


@pytest.mark.parametrize(
    "url",
    [
        "http://tickets.example.edu",
        "http://10.0.0.5:8000",
        "http://127.0.0.1.example.edu/",
        "http://0.0.0.0:8000",
        "http://[2001:db8::1]/",
    ],
)
def test_a_host_the_plan_does_not_allow_is_refused(url: str, new_run: NewRun) -> None:
    refused = plan(url, "staging.example.edu")
    with pytest.raises(HostNotAllowedError, match=r"No load is sent to .* target\.allow"):
        ExternalStage(refused, new_run(refused), [])


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("http://127.0.0.1:8000", ()),
        ("http://127.8.8.8", ()),
        ("http://localhost:8000", ()),
        ("http://[::1]:8000", ()),
        ("http://Staging.Example.edu", ("staging.example.edu",)),
        ("http://10.0.0.5:8000", ("10.0.0.5",)),
    ],
)
def test_loopback_and_allowed_hosts_are_accepted(
    url: str, allow: tuple[str, ...], new_run: NewRun
) -> None:
    accepted = plan(url, *allow)
    assert ExternalStage(accepted, new_run(accepted), []).url == url


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:8000", "http://127.0.0.1:99999"])
def test_what_is_no_http_url_is_refused(url: str, new_run: NewRun) -> None:
    wrong = plan(url)
    with pytest.raises(HostNotAllowedError, match=r"target\.url must"):
        ExternalStage(wrong, new_run(wrong), [])


def test_a_target_that_does_not_answer_is_told_before_anything_else(new_run: NewRun) -> None:
    nobody = plan("http://127.0.0.1:9")
    with (
        pytest.raises(TargetRefusedError, match=r"http://127\.0\.0\.1:9 does not answer"),
        ExternalStage(nobody, new_run(nobody), []),
    ):
        pytest.fail("entered a stage that is not there")


def test_students_use_the_address_that_was_checked(
    service: str, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`localhost` may be ::1 first, where nobody listens: conductor and students go elsewhere."""
    port = urlsplit(service).port
    usual = socket.getaddrinfo
    families = ((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1"))
    both = [(family, socket.SOCK_STREAM, 6, "", (ip, port)) for family, ip in families]
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: both if host == "localhost" else usual(host, *rest, **more),
    )
    outside = plan(f"http://localhost:{port}")
    before = TicketService.answers
    with ExternalStage(outside, new_run(outside), []) as stage:
        assert TicketService.answers == before + 1 + 3  # a first look, and the ramp check
        assert Origin.of(stage.url).address == ("127.0.0.1", port)


def test_the_sale_is_opened_once_answers_agree(
    service: str, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REHEARSE_ADMIN_TOKEN", "let-me-in")
    outside = plan(service)
    with ExternalStage(outside, new_run(outside), []) as stage:
        stage.open_at(1_795_000_000_000_000_000)
        assert TicketService.opens_at_ns == 1_795_000_000_000_000_000
        assert TicketService.answers == 4 + 8  # in a row, after the ramp check's
        assert (stage.components(), stage.lost(), stage.dsn) == ([], [], None)


def test_without_the_right_admin_token_the_sale_is_not_opened(
    service: str, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = plan(service)
    with ExternalStage(outside, new_run(outside), []) as stage:
        monkeypatch.delenv("REHEARSE_ADMIN_TOKEN", raising=False)
        with pytest.raises(
            StageUnusableError, match="set the environment variable REHEARSE_ADMIN_TOK"
        ):
            stage.open_at(2)
        monkeypatch.setenv("REHEARSE_ADMIN_TOKEN", "guess")
        with pytest.raises(TargetRefusedError, match="answered 401 unauthenticated"):
            stage.open_at(2)


class OfYesterday(TicketService):
    """A service whose clock stands at another time."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string((timestamp or time.time()) - 7)


@pytest.mark.slow
def test_a_target_with_another_time_is_not_rushed_where_the_clock_opens_it(
    new_run: NewRun,
) -> None:
    with serving(OfYesterday) as url:
        opening = plan(url)
        with (
            pytest.raises(TargetRefusedError, match=r"clock is [67]\.\d s or more behind"),
            ExternalStage(opening, new_run(opening), []),
        ):
            pytest.fail("entered")
        target = Target(stage="external", url=url, opening=Opening(already=True))
        already = Plan(name="outside", target=target)
        with ExternalStage(already, new_run(already), []) as stage:
            assert stage.ramp is not None
            assert stage.ramp.off_s is not None
            assert -7 <= stage.ramp.off_s <= -5.9


@pytest.mark.slow
def test_a_target_is_rehearsed_by_one_at_a_time(service: str, new_run: NewRun) -> None:
    outside, other = plan(service), plan(service.replace("127.0.0.1", "localhost") + "/api")
    with (
        ExternalStage(outside, new_run(outside), []),
        pytest.raises(StageUnusableError, match="another rehearsal or probe on this machine has"),
        ExternalStage(other, new_run(other), []),
    ):
        pass
    with ExternalStage(outside, new_run(outside), []):
        pass


@pytest.mark.slow
def test_two_targets_are_rehearsed_at_once(service: str, new_run: NewRun) -> None:
    with serving(TicketService) as beside:
        for one in (plan(service), plan(beside)):
            with ExternalStage(one, new_run(one), []):
                pass
        one, other = plan(service), plan(beside)
        with ExternalStage(one, new_run(one), []), ExternalStage(other, new_run(other), []):
            pass
