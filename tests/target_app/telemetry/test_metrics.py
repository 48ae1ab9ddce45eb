"""Metrics and Server-Timing: true to the request, by route template, announced to scrapers."""

import importlib
import json
import os
import pkgutil
import re
import socket
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from dress_rehearsal import target_app
from dress_rehearsal.target_app.errors import DependencyDownError, SettingsError
from dress_rehearsal.target_app.request_context import RequestContext
from dress_rehearsal.target_app.stores.pool_limit import PoolLimit
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.loop_lag import LoopLag
from dress_rehearsal.target_app.telemetry.metrics import REGISTRY
from dress_rehearsal.target_app.telemetry.scrape_targets import announced_metrics, reached_at
from tests.dashboards.binaries import binary

Start = Callable[..., Any]


def scrape(port: int) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def requests_by_route() -> dict[tuple[str, str, str], float]:
    return {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name == "http_server_requests_total"
    }


def test_every_request_is_counted_once_under_its_route_template(start_app: Start) -> None:
    app = start_app("redis_writeback", APP_TICKETS=1)
    bearer, other = app.login(0), app.login(1)
    before = requests_by_route()
    durations = "http_server_request_duration_seconds_count"
    buying = {"method": "POST", "route": "/events/{event}/tickets"}
    timed = REGISTRY.get_sample_value(durations, buying) or 0
    ticket = app.buy(bearer).json()["ticket"]
    app.buy(bearer)
    app.buy(bearer, "other")
    app.buy(other)
    app.buy({})
    app.http.get(f"/tickets/{ticket}", headers=bearer)
    app.http.get(f"/tickets/{ticket}/qr", headers=bearer)
    app.http.get(app.path)
    app.http.get(f"{app.path}/countdown")
    app.http.get("/no/such/page")
    app.http.delete("/login")
    app.http.request("PROPFIND", "/login")
    grown = {
        key: value - before.get(key, 0)
        for key, value in requests_by_route().items()
        if value != before.get(key, 0)
    }
    assert grown == {
        ("POST", "/events/{event}/tickets", "202"): 2,
        ("POST", "/events/{event}/tickets", "409"): 2,
        ("POST", "/events/{event}/tickets", "401"): 1,
        ("GET", "/tickets/{ticket}", "200"): 1,
        ("GET", "/tickets/{ticket}/qr", "409"): 1,
        ("GET", "/events/{event}", "200"): 1,
        ("GET", "/events/{event}/countdown", "200"): 1,
        ("GET", "unmatched", "404"): 1,
        ("DELETE", "unmatched", "405"): 1,
        ("OTHER", "unmatched", "405"): 1,
    }
    assert REGISTRY.get_sample_value(durations, buying) == timed + 5
    assert REGISTRY.get_sample_value("http_server_active_requests") == 0


def test_grants_and_refusals_are_counted_by_allocation_and_code(start_app: Start) -> None:
    app = start_app("atomic_update", APP_TICKETS=1)
    bearer = app.login(0)

    def counts() -> list[float]:
        granted = REGISTRY.get_sample_value(
            "tickets_granted_total", {"allocation": "atomic_update"}
        )
        codes = ("sold_out", "already_holds_ticket", "not_enrolled", "event_unknown")
        refused = [REGISTRY.get_sample_value("tickets_refused_total", {"code": c}) for c in codes]
        return [granted or 0, *(count or 0 for count in refused)]

    before = counts()
    app.buy(bearer)
    app.buy(bearer)  # a replay grants nothing new
    app.buy(bearer, "other")
    app.buy(app.login(1))
    app.buy(app.login(-1))
    app.http.post("/events/other/tickets")
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [1, 1, 1, 1, 1]


def test_a_boundary_counts_successes_and_failures_and_keeps_the_error() -> None:
    import asyncio

    @measured("redis", "test_work")
    async def work(fails: bool) -> str:
        """An work."""
        if fails:
            raise LookupError("gone")
        return "done"

    assert work.__doc__ == "An work."
    assert asyncio.run(work(False)) == "done"
    with pytest.raises(LookupError, match="gone"):
        asyncio.run(work(True))
    labels = {"kind": "redis", "name": "test_work"}
    for result in ("success", "failure"):
        value = REGISTRY.get_sample_value("boundary_calls_total", {**labels, "result": result})
        assert value == 1
    assert REGISTRY.get_sample_value("boundary_duration_seconds_count", labels) == 2


def test_every_answer_says_where_its_time_went(start_app: Start) -> None:
    app = start_app("atomic_update")
    bearer = app.login(0)

    def parts(answer: Any) -> dict[str, float]:
        header = answer.headers["server-timing"]
        part = r"[a-z]+(;desc=\w+)?;dur=\d+\.\d{3}"
        assert re.fullmatch(f"{part}(, {part})*", header)
        assert f"app;desc={os.getpid()};" in header
        pairs = (re.split(";.*dur=", each) for each in header.split(", "))
        return {name: float(value) for name, value in pairs}

    bought = parts(app.buy(bearer))
    assert set(bought) == {"pool", "db", "redis", "app"}
    assert bought["db"] + bought["redis"] + bought["pool"] <= bought["app"]
    assert set(parts(app.http.get(app.path))) == {"pool", "redis", "app"}
    assert set(parts(app.http.get("/no/such/page"))) == {"app"}
    late = app.http.get(
        "/healthz", headers={"X-Request-Start": f"t={__import__('time').time_ns() - 50_000_000}"}
    )
    assert 50 <= parts(late)["queue"] < 5000
    for nonsense in ("", "t=", "t=soon", "5"):
        answer = app.http.get("/healthz", headers={"X-Request-Start": nonsense})
        assert set(parts(answer)) == {"app"}


def test_parts_of_one_cause_add_up() -> None:
    context = RequestContext()
    for cause in ("redis", "pool", "db"):
        context.add(cause, 1_000_000)
        context.add(cause, 500_000)
    header = context.server_timing(context.started_ns + 9_000_000).decode()
    assert (
        header == f"pool;dur=1.500, db;dur=1.500, redis;dur=1.500, app;desc={os.getpid()};dur=9.000"
    )


def test_the_pool_that_was_waited_for_longest_is_named() -> None:
    context = RequestContext()
    for pool, waited_ns in (("postgres", 1_000_000), ("redis", 2_000_000), ("sqs", 0)):
        context.add_wait(pool, waited_ns)
    header = context.server_timing(context.started_ns).decode()
    assert header.startswith("pool;desc=redis;dur=3.000, app;desc=")


def test_metrics_are_served_and_announced_while_inside_and_not_after(tmp_path: Path) -> None:
    machine = socket.gethostname()
    dead = tmp_path / f"app-{machine}-4000000.json"
    dead.write_text("[]")
    in_another_container = tmp_path / "app-another-container-4000000.json"
    in_another_container.write_text("[]")
    ours = tmp_path / f"app-{machine}-{os.getpid()}.json"
    PoolLimit("postgres", 1, 1.0)  # a pool has its metrics from its beginning
    with announced_metrics("app", tmp_path) as port:
        assert json.loads(ours.read_text()) == [
            {
                "targets": [f"127.0.0.1:{port}"],
                "labels": {"job": "app", "pid": str(os.getpid()), "host": machine},
            }
        ]
        assert ours.stat().st_mode & 0o777 == 0o644  # whoever scrapes may be another user
        assert set(tmp_path.iterdir()) == {ours, in_another_container}
        names = {name for name, _ in scrape(port)}
        assert "db_client_connection_wait_time_seconds_bucket" in names
        assert not any(name.endswith("_created") for name in names)
    assert list(tmp_path.iterdir()) == [in_another_container]
    with pytest.raises(OSError, match="refused"):
        scrape(port)


def test_what_is_served_on_every_address_is_announced_by_one_that_others_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "app-container/2")
    monkeypatch.setattr(socket, "gethostbyname", {"app-container/2": "172.18.0.5"}.__getitem__)
    with announced_metrics("app", tmp_path, "0.0.0.0") as port:
        [announcement] = tmp_path.iterdir()
        assert announcement.name == f"app-app-container%2F2-{os.getpid()}.json"
        [target] = json.loads(announcement.read_text())
        assert target["targets"] == [f"172.18.0.5:{port}"]
        assert target["labels"]["host"] == "app-container/2"
        assert scrape(port)


def test_a_machine_whose_name_leads_nowhere_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: str) -> str:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "gethostname", lambda: "nowhere")
    monkeypatch.setattr(socket, "gethostbyname", unknown)
    with pytest.raises(SettingsError, match=r"APP_METRICS_HOST is 0\.0\.0\.0, and .*, nowhere,"):
        reached_at("0.0.0.0")
    assert reached_at("10.0.0.7") == "10.0.0.7"


def test_metrics_need_no_directory() -> None:
    with announced_metrics("app", None) as port:
        assert scrape(port)


def test_pools_tell_their_levels_over_the_metrics_port(start_app: Start) -> None:
    app = start_app(APP_POSTGRES_POOL=3, APP_REDIS_POOL=5)
    app.http.get(app.path)
    with announced_metrics("app", None) as port:
        samples = scrape(port)

    def level(name: str, **labels: str) -> float:
        return samples[f"db_client_{name}", frozenset(labels.items())]

    for pool, size in (("postgres", 3), ("redis", 5)):
        assert level("connection_max", pool=pool) == size
        states = (level("connections", pool=pool, state=state) for state in ("used", "idle"))
        assert sum(states) == pytest.approx(size)
        assert level("connection_pending_requests", pool=pool) == 0
        # Making the connections beforehand was no load.
        assert (level("connection_used_peak", pool=pool) >= 1) == (pool == "redis")
        assert level("connection_timeouts_total", pool=pool) >= 0


def test_loop_lag_shows_a_block_even_while_it_lasts(start_app: Start) -> None:
    import asyncio
    import threading
    import time

    async def run() -> tuple[float, float]:
        lag = LoopLag()
        lag.start()
        await asyncio.sleep(0.01)
        seen: list[float] = []
        watcher = threading.Timer(0.2, lambda: seen.append(lag.worst_s()))
        watcher.start()
        time.sleep(0.3)  # noqa: ASYNC251 (blocking the loop is the point)
        watcher.join()
        await asyncio.sleep(0.06)
        after = lag.worst_s()
        await lag.stop()
        return seen[0], after

    during, after = asyncio.run(run())
    assert 0.1 < during < after
    assert 0.2 < after < 1


def test_prometheus_own_tool_has_nothing_to_say_about_any_metric() -> None:
    for module in pkgutil.walk_packages(target_app.__path__, "dress_rehearsal.target_app."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    PoolLimit("linted", 1, 1.0)
    told = subprocess.run(
        [binary("promtool"), "check", "metrics"],
        input=generate_latest(REGISTRY),
        capture_output=True,
        check=False,
    )
    assert (told.returncode, told.stdout + told.stderr) == (0, b"")


def test_a_ticket_whose_first_answer_failed_is_counted_once(
    start_app: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is held from the script's decision on; the retry that gets it is a replay."""
    app = start_app("redis_script")
    allocator = app.asgi.services.tickets._allocator
    write, bearer = allocator._write, app.login(0)

    async def fails(*_: object) -> bool:
        raise DependencyDownError("PostgreSQL", "no answer")

    def granted() -> float:
        name = "tickets_granted_total"
        return REGISTRY.get_sample_value(name, {"allocation": "redis_script"}) or 0.0

    before = granted()
    monkeypatch.setattr(allocator, "_write", fails)
    assert app.buy(bearer, "a").status_code == 503
    monkeypatch.setattr(allocator, "_write", write)
    assert app.buy(bearer, "a").status_code == 201
    assert app.buy(bearer, "b").status_code == 409
    assert granted() - before == 1
