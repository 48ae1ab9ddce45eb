"""A handful of requests says whether a target answers, and what time it has."""

import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from dress_rehearsal.compose import TargetRefusedError
from dress_rehearsal.compose.external.ramp import check_ramp
from dress_rehearsal.compose.target import Target

Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[ThreadingHTTPServer] = []

    def start(*statuses: int, ahead_s: float | None = 0.0, **headers: str) -> str:
        left = list(statuses)

        class Shop(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status = left.pop(0) if len(left) > 1 else left[0]
                self.send_response_only(status)
                if ahead_s is not None:
                    self.send_header("Date", formatdate(time.time() + ahead_s, usegmt=True))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("statuses", [(200,), (404,), (401,), (503, 503, 200), (302,)])
def test_one_that_answers_may_be_rushed(statuses: tuple[int, ...], serve: Serve) -> None:
    assert len(check_ramp(Target(serve(*statuses)), "/").statuses) == 3


@pytest.mark.parametrize(
    ("statuses", "told"), [((503,), "503"), ((429,), "429"), ((500, 503, 503), "500 and 503")]
)
def test_one_that_turns_all_away_is_not(statuses: tuple[int, ...], told: str, serve: Serve) -> None:
    with pytest.raises(TargetRefusedError, match=f"answered {told} to all of 3 requests"):
        check_ramp(Target(serve(*statuses)), "/")


def test_one_that_knows_no_get_is_up(serve: Serve) -> None:
    assert check_ramp(Target(serve(501)), "/").statuses == (501, 501, 501)


def test_nor_is_one_that_does_not_answer() -> None:
    with pytest.raises(TargetRefusedError, match="does not answer: Connection refused"):
        check_ramp(Target("http://127.0.0.1:9"), "/")


@pytest.mark.parametrize("ahead_s", [0.0, 0.4, -0.4])
def test_a_clock_that_may_agree_is_not_accused(ahead_s: float, serve: Serve) -> None:
    ramp = check_ramp(Target(serve(200, ahead_s=ahead_s)), "/")
    assert ramp.clock_s is not None
    assert ramp.clock_s[0] <= ahead_s <= ramp.clock_s[1]
    assert ramp.off_s is None


@pytest.mark.parametrize("ahead_s", [5.0, -3600.0])
def test_a_clock_that_does_not_agree_is_known_to_a_second(ahead_s: float, serve: Serve) -> None:
    off_s = check_ramp(Target(serve(200, ahead_s=ahead_s)), "/").off_s
    assert off_s is not None
    assert abs(ahead_s) - 1.1 <= abs(off_s) <= abs(ahead_s)
    assert (off_s > 0) == (ahead_s > 0)


@pytest.mark.parametrize(
    "said", [{"ahead_s": None}, {"ahead_s": 900.0, "Age": "9"}, {"ahead_s": None, "Date": "noon"}]
)
def test_one_that_does_not_tell_the_time_is_not_known(said: Any, serve: Serve) -> None:
    ramp = check_ramp(Target(serve(200, **said)), "/")
    assert (ramp.clock_s, ramp.off_s) == (None, None)
