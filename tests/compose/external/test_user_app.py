"""The user's app is started as the plan says, watched, and gone with its whole tree at the end."""

import os
import signal
import socket
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from dress_rehearsal.compose import ExternalStage, ProcessFailedError, StageError
from dress_rehearsal.compose.external import user_app as module
from dress_rehearsal.compose.pids import ProcessId, carrying_marker
from dress_rehearsal.compose.port import ClaimedPort
from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.sections.opening import Opening, Reset
from dress_rehearsal.plans.sections.target import Target
from dress_rehearsal.records import RunDirectory

NewRun = Callable[[Plan], RunDirectory]

APP = """
import http.server, os, subprocess, sys, threading
worker = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"
workers = [subprocess.Popen([sys.executable, "-c", worker]) for _ in range(WORKERS)]
# One that leaves its session, and one that keeps nothing of its environment either.
gone = subprocess.Popen([sys.executable, "-c", worker], start_new_session=True)
bare = subprocess.Popen([sys.executable, "-c", worker], start_new_session=True, env={})
print("serving", flush=True)
class Shop(http.server.BaseHTTPRequestHandler):
    def answer(self):
        if self.path == "/-/on-sale":
            self.server.told = self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"opens_at_ns": 1}'
        if self.path == "/told":
            body = self.server.told
        if self.path == "/environment":
            body = repr(dict(os.environ)).encode()
        self.send_response(404 if self.path == "/never" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = answer
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Shop).serve_forever()
"""


@pytest.fixture
def port() -> int:
    claimed = ClaimedPort.choose()
    claimed.close()
    return claimed.number


def plan(tmp_path: Path, port: int, code: str = APP, workers: int = 1, **more: Any) -> Plan:
    (tmp_path / "shop.py").write_text(
        f"PORT = {port}\nWORKERS = {workers}\n{textwrap.dedent(code)}", encoding="utf-8"
    )
    target = {
        "stage": "external",
        "url": f"http://127.0.0.1:{port}",
        "command": [sys.executable, "shop.py"],
        "folder": str(tmp_path),
        "opening": {"already": True},
        **more,
    }
    return Plan(name="shop", target=Target.model_validate(target))


def below(stage: ExternalStage) -> set[int]:
    return {pid for _, pid in stage.components()}


@pytest.mark.slow
def test_it_is_ready_inside_and_its_whole_tree_is_gone_outside(
    tmp_path: Path, port: int, new_run: NewRun
) -> None:
    shop = plan(tmp_path, port)
    run = new_run(shop)
    with ExternalStage(shop, run, []) as stage:
        stage.open_at(1)
        names = {name for name, _ in stage.components()}
        own = [ProcessId.of(pid) for pid in below(stage)]
        folder = stage.roster_path.parent
        assert names == {"app"}
        assert len(own) == 4  # it, its worker, and the two that left its session
        assert stage.lost() == []
        assert "serving" in (run.logs / "app.log").read_text()
    assert [one for one in own if one is not None and one.alive] == []
    assert list(carrying_marker(folder)) == []
    assert not folder.exists()
    assert [loss.what for loss in stage.unclean_stops] == []  # SIGTERM ends it as it ends most


@pytest.mark.slow
def test_what_is_shown_of_its_log_has_no_secret_of_its_environment_and_no_login(
    tmp_path: Path, port: int, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", "hunter2-from-the-shell")
    code = """
    import os, sys
    where = "postgresql://shop:pw123@db/shop, mode " + os.environ["MODE"]
    sys.exit("no " + os.environ["KEY"] + " at " + where)
    """
    shop = plan(tmp_path, port, code, environment={"KEY": "env:SHOP_KEY", "MODE": "test"})
    with pytest.raises(ProcessFailedError) as failed, ExternalStage(shop, new_run(shop), []):
        pass
    assert "no … at postgresql://…@db/shop, mode test" in str(failed.value)


def test_what_is_shown_of_its_log_has_no_secret_that_it_is_asked_with(
    tmp_path: Path, port: int, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "hunter3-from-a-header")
    monkeypatch.setenv("REHEARSE_ADMIN_TOKEN", "hunter4-of-the-admin")
    code = """
    import sys
    sys.exit("GET /ready, authorization: Bearer hunter3-from-a-header, mode hunter4-of-the-admin")
    """
    headers = {"Authorization": "Bearer env:SHOP_TOKEN"}
    shop = plan(tmp_path, port, code, headers=headers)
    with pytest.raises(ProcessFailedError) as failed, ExternalStage(shop, new_run(shop), []):
        pass
    assert "authorization: Bearer …, mode …" in str(failed.value)


@pytest.mark.slow
def test_it_gets_what_the_plan_names_and_nothing_else_of_the_shell(
    tmp_path: Path, port: int, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DSN", "sqlite:///:memory:")
    monkeypatch.setenv("PGSERVICE", "production")
    monkeypatch.setenv("HOME", "/home/somebody")
    shop = plan(tmp_path, port, environment={"DSN": "env:SHOP_DSN", "MODE": "test"})
    with ExternalStage(shop, new_run(shop), []) as stage:
        (_, pid), *_ = stage.components()
        found = psutil.Process(pid).environ()
    assert (found["DSN"], found["MODE"]) == ("sqlite:///:memory:", "test")
    assert (found["HOME"], found["PATH"]) == ("/home/somebody", os.environ["PATH"])
    assert not {"PGSERVICE", "SHOP_DSN"} & found.keys()


@pytest.mark.slow
def test_one_that_ends_at_once_is_a_sentence_with_its_last_lines(
    tmp_path: Path, port: int, new_run: NewRun
) -> None:
    shop = plan(tmp_path, port, code="raise SystemExit('no such table: orders')")
    run = new_run(shop)
    with (
        pytest.raises(ProcessFailedError, match=r"app ended with exit code 1.*app\.log") as failed,
        ExternalStage(shop, run, []),
    ):
        pytest.fail("entered")
    assert "no such table: orders" in str(failed.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"ready": "/never", "ready_within": "300ms"}, r"app was not ready after \d s"),
        ({"command": ["./no-such-program"]}, "app cannot be started"),
        ({"reset": Reset(command=("false",))}, "reset ended with exit code 1"),
        ({"reset": Reset(command=("sleep", "9"), within="100ms")}, "reset was not ready"),
        ({"reset": Reset(request="POST /never")}, r"cannot be reset: POST /never was answered 404"),
    ],
)
def test_what_cannot_be_set_is_a_sentence_and_leaves_nothing(
    more: dict[str, Any], sentence: str, tmp_path: Path, port: int, new_run: NewRun
) -> None:
    shop = plan(tmp_path, port, **more)
    with pytest.raises(StageError, match=sentence), ExternalStage(shop, new_run(shop), []):
        pytest.fail("entered")
    left = [one for one in psutil.Process().children(recursive=True) if "shop.py" in one.cmdline()]
    assert left == []


def test_a_port_that_somebody_has_already_is_told_before_it_is_started(
    tmp_path: Path, port: int, new_run: NewRun
) -> None:
    shop = plan(tmp_path, port)
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(StageError, match=r"something listens at http://127\.0\.0\.1"),
        ExternalStage(shop, new_run(shop), []),
    ):
        pytest.fail("entered")


@pytest.mark.slow
def test_a_reset_command_comes_before_the_app_and_a_request_after(
    tmp_path: Path, port: int, new_run: NewRun
) -> None:
    shop = plan(tmp_path, port, reset=Reset(command=("sh", "-c", "echo clean > state")))
    with ExternalStage(shop, new_run(shop), []):
        assert (tmp_path / "state").read_text() == "clean\n"
    shop = plan(tmp_path, port, reset=Reset(request="POST /reset"))
    with ExternalStage(shop, new_run(shop), []) as stage:
        assert stage.ramp is not None
        assert stage.ramp.statuses == (200, 200, 200)


@pytest.mark.slow
def test_the_opening_request_says_t0_in_every_way(
    tmp_path: Path, port: int, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", "{t0_ms}")
    said = {"ms": "{t0_ms}", "s": "{t0_s}", "iso": "from {t0_iso}", "key": "env:SHOP_KEY"}
    opening = {"request": "POST /-/on-sale", "json": said}
    shop = plan(tmp_path, port, opening=Opening.model_validate(opening))
    with ExternalStage(shop, new_run(shop), []) as stage:
        stage.open_at(1_796_000_000_000_000_000)
        told = stage._target.send("GET", "/told").body
    assert told == (
        b'{"ms": 1796000000000, "s": 1796000000, "iso": "from 2026-11-30T00:53:20Z", '
        b'"key": "{t0_ms}"}'
    )


@pytest.mark.slow
def test_a_worker_that_dies_is_named_and_one_that_comes_later_is_not(
    tmp_path: Path, port: int, new_run: NewRun
) -> None:
    shop = plan(tmp_path, port, workers=2)
    with ExternalStage(shop, new_run(shop), []) as stage:
        stage.open_at(1)
        assert stage.lost() == []
        (_, main), *_ = stage.components()
        victim = min(pid for pid in below(stage) if pid != main)
        os.kill(victim, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while not (lost := stage.lost()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [loss.pid for loss in lost] == [victim]
        assert "A worker of the app (python" in lost[0].what
        assert stage.lost() == []
        os.kill(main, signal.SIGKILL)
        while not (lost := stage.lost()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "app (pid" in lost[0].what


RECYCLING = APP.replace(
    "# One that",
    """def keep(place):
    while True:
        workers[place].wait()
        workers[place] = subprocess.Popen([sys.executable, "-c", worker])
for place in range(WORKERS):
    threading.Thread(target=keep, args=(place,), daemon=True).start()
# One that""",
)


@pytest.mark.slow
def test_a_worker_whose_place_is_taken_is_replaced_and_its_successor_is_a_worker_too(
    tmp_path: Path, port: int, new_run: NewRun
) -> None:
    shop = plan(tmp_path, port, RECYCLING, workers=2)
    with ExternalStage(shop, new_run(shop), []) as stage:
        stage.open_at(1)
        (_, main), *_ = stage.components()
        victim = min(psutil.Process(main).children(), key=lambda one: one.pid).pid
        for _ in range(2):
            before = {one.pid for one in psutil.Process(main).children()}
            os.kill(victim, signal.SIGKILL)
            deadline = time.monotonic() + 5
            while not (lost := stage.lost()) and time.monotonic() < deadline:
                time.sleep(0.01)
            (new,) = {one.pid for one in psutil.Process(main).children()} - before
            assert [(loss.pid, loss.replaced) for loss in lost] == [(victim, True)]
            assert lost[0].what.endswith(f"pid {victim}) ended, and pid {new} took its place.")
            victim = new
        os.kill(victim, signal.SIGKILL)  # and one at the very end is looked after, too
    assert stage.unclean_stops == []


def test_a_log_that_grows_too_long_keeps_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST_LOG", 1000)
    monkeypatch.setattr(module, "_KEPT_OF_LOG", 100)
    log = tmp_path / "app.log"
    with log.open("ab") as writer:
        writer.write(b"early\n" * 300)
        writer.write(b"the last line\n")
        writer.flush()
        module._bound(log)
        writer.write(b"one more\n")
    text = log.read_text()
    assert text.startswith("[what came before was given up")
    assert text.endswith("the last line\none more\n")
    assert len(text) < 300
