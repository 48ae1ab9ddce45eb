"""A dry run and a check send no packet, and none leaves for a host that is not allowed: counted."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("a namespace")]  # one serves them all

INSIDE = Path(__file__).with_name("inside.py")
AWAY = "203.0.113.7"

SHOP = """
import http.server, sys
class Shop(http.server.BaseHTTPRequestHandler):
    def answer(self):
        away = self.command == "POST" or sys.argv[2] == "all"
        self.send_response(302 if away else 200)
        self.send_header("Location", "http://203.0.113.7:8000/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_GET = do_POST = answer
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Shop).serve_forever()
"""


@dataclass(frozen=True)
class Counted:
    """How a command ended, what it said, and how many packets it sent here and away."""

    code: int
    output: str
    here: int
    away: int


Count = Callable[..., Counted]


def lacking() -> str | None:
    """Return why no namespace can be made here; None where one can."""
    if os.geteuid() != 0 or not (shutil.which("unshare") and shutil.which("ip")):
        return "a network namespace needs root, unshare and ip"
    try:
        made = subprocess.run(
            ["unshare", "--net", sys.executable, str(INSIDE)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except OSError as error:
        return f"no network namespace: {error}"
    return None if made.returncode == 0 else f"no network namespace: {made.stderr.strip()[-200:]}"


@pytest.fixture(scope="module")
def inside() -> Iterator["subprocess.Popen[str]"]:
    """One namespace, in which one command after the other is performed."""
    why = lacking()
    if why is not None and os.environ.get("REHEARSE_REQUIRE_NAMESPACE") == "1":
        pytest.fail(f"{why}; REHEARSE_REQUIRE_NAMESPACE=1 wants it")
    if why is not None:
        pytest.skip(why)
    words = ["unshare", "--net", sys.executable, INSIDE]
    with subprocess.Popen(words, stdin=PIPE, stdout=PIPE, text=True) as namespace:
        yield namespace
        namespace.communicate(timeout=30)


@pytest.fixture
def count(inside: "subprocess.Popen[str]", tmp_path: Path) -> Count:
    (tmp_path / "roster.csv").write_text("student,pin,enrolled\nS1,1,1\nS2,2,1\n")
    (tmp_path / "shop.py").write_text(SHOP)

    def run(
        target: str, *options: str, command: str = "run", url: str = "http://127.0.0.1:8000"
    ) -> Counted:
        path = tmp_path / "shop.toml"
        path.write_text(
            'name = "shop"\n[event]\nstudents = 2\ntickets = 1\n'
            f'[target]\nstage = "external"\nurl = "{url}"\n{target}\n'
        )
        where = ["--roster", f"{tmp_path}/roster.csv", "--out", f"{tmp_path}/runs", *options]
        assert inside.stdin is not None
        assert inside.stdout is not None
        inside.stdin.write(json.dumps([*command.split(), str(path), *where]) + "\n")
        inside.stdin.flush()
        return Counted(**json.loads(inside.stdout.readline()))

    return run


OPENED = f'opening.request = "POST /-/on-sale"\ncommand = "{sys.executable} shop.py 8000 some"\n'
RESET = 'reset.request = "POST /-/reset"\n'


@pytest.mark.parametrize(("command", "options"), [("run", ("--dry-run",)), ("plan check", ())])
@pytest.mark.parametrize(
    ("target", "url"),
    [
        (OPENED, "http://127.0.0.1:8000"),
        ('allow = ["staging.example"]\nopening.already = true\n', "https://staging.example/api"),
    ],
)
def test_a_dry_run_and_a_check_send_nothing(
    command: str, options: tuple[str, ...], target: str, url: str, count: Count
) -> None:
    counted = count(target + RESET, *options, command=command, url=url)
    assert (counted.code, counted.here, counted.away) == (0, 0, 0), counted


@pytest.mark.parametrize(
    "url", [f"http://{AWAY}:8000", "http://staging.example", "https://staging.example/api"]
)
def test_nothing_leaves_for_a_host_that_the_plan_does_not_allow(url: str, count: Count) -> None:
    counted = count('allow = ["other.example"]\nopening.already = true', url=url)
    assert (counted.code, counted.here, counted.away) == (2, 0, 0), counted
    assert "target.allow" in counted.output


@pytest.mark.parametrize(
    "reading",
    [
        f'[[metrics]]\nname = "web"\nurl = "http://{AWAY}/metrics"\npools = "sqlalchemy"',
        '[[metrics]]\nname = "web"\nurl = "http://staging.example/m"\npools = "sqlalchemy"',
        f'[[ledgers]]\nname = "orders"\nurl = "http://{AWAY}/orders"',
    ],
)
def test_nor_is_anything_read_from_one(reading: str, count: Count) -> None:
    counted = count(f"opening.already = true\n{reading}")
    assert (counted.code, counted.here, counted.away) == (2, 0, 0), counted
    assert "target.allow" in counted.output


def test_a_redirect_of_what_is_sent_at_setup_is_not_followed(count: Count) -> None:
    counted = count(OPENED + RESET)
    assert counted.code == 1, counted
    assert "POST /-/reset was answered 302 (a redirect, which is not followed)" in counted.output
    assert counted.here > 0  # the control: what is sent is counted
    assert counted.away == 0, counted


def test_what_leaves_for_a_host_that_is_allowed_is_counted(count: Count) -> None:
    counted = count(f'allow = ["{AWAY}"]\nopening.already = true', url=f"http://{AWAY}:8000")
    assert counted.code == 1, counted
    assert "does not answer" in counted.output
    assert counted.away > 0
