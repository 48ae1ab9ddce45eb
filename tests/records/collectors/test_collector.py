"""The collector records every source at its ticks, whatever happens to one of them."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from dress_rehearsal.records import RunDirectory, RunDirectoryUnusableError, tables
from dress_rehearsal.records.collectors import collector as module
from dress_rehearsal.records.collectors.collector import Collector, Sources
from dress_rehearsal.records.collectors.kernel import Kernel
from dress_rehearsal.records.collectors.postgres import APPLICATION
from dress_rehearsal.records.collectors.watch import Watch
from dress_rehearsal.records.samples import Reading, Sample, labels_json

Until = Callable[..., None]
INTERVAL_S = 0.05


class Worker:
    """Stands in for an app worker: real metrics over real HTTP."""

    def __init__(self, folder: Path, pid: int) -> None:
        registry = CollectorRegistry()
        self.used = Gauge("db_client_connections", "…", ["pool", "state"], registry=registry)
        self.granted = Counter("tickets_granted", "…", ["allocation"], registry=registry)
        self._server, self._thread = start_http_server(0, "127.0.0.1", registry)
        address = f"127.0.0.1:{self._server.server_port}"
        partial = folder / ".partial"
        partial.write_text(
            json.dumps([{"targets": [address], "labels": {"job": "app", "pid": str(pid)}}])
        )
        self.file = partial.rename(folder / f"app-{pid}.json")

    def die(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    folder = tmp_path / "targets"
    folder.mkdir()
    return folder


@pytest.fixture
def workers(targets: Path) -> Iterator[list[Worker]]:
    started = [Worker(targets, pid) for pid in (101, 102)]
    yield started
    for worker in started:
        with contextlib.suppress(OSError):
            worker.die()


def sources(**given: Any) -> Sources:
    nothing: dict[str, Any] = {
        "targets_dir": None,
        "dsn": None,
        "redis_url": None,
        "event": "festival",
        "listen_ports": (),
        "components": list,
    }
    return Sources(**(nothing | given))


def recorded(run: RunDirectory) -> dict[tuple[str, str], list[float]]:
    """Return by source and name the values in the order of their times."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in run.metric_table().sort_by("t_ns").to_pylist():
        found.setdefault((row["source"], row["name"]), []).append(row["value"])
    return found


def test_every_source_of_a_stage_is_recorded(
    run: RunDirectory,
    targets: Path,
    workers: list[Worker],
    postgres_dsn: str,
    redis_process: Any,
    listening: socket.socket,
) -> None:
    workers[0].used.labels("postgres", "used").set(3)
    whole = sources(
        targets_dir=targets,
        dsn=postgres_dsn,
        redis_url=redis_process.url,
        listen_ports=(listening.getsockname()[1],),
        components=lambda: [("conductor", os.getpid()), ("redis", redis_process.process.pid)],
    )
    with Collector(run, whole, INTERVAL_S) as collector:
        assert collector.read_all() == ()

    found = recorded(run)
    assert found["app:101", "db_client_connections"][-1] == 3
    assert {
        ("app:101", "db_client_connections"),
        ("postgres", "pg_up"),
        ("postgres", "pg_connections_used"),
        ("redis", "redis_up"),
        ("kernel", "listen_queue_limit"),
        ("processes", "process_open_fds"),
        ("collector", "collector_tick_seconds"),
        ("collector", "collector_failed_total"),
    } <= set(found)
    assert set(found["collector", "collector_failed_total"]) == {0.0}
    assert run.metric_table().schema.equals(tables.METRICS)


def test_ticks_keep_to_the_clock_however_long_a_read_takes() -> None:
    interval_s, epoch_s = 0.25, time.monotonic() - 1000.0
    watch = Watch(Kernel(), interval_s, epoch_s, lambda reading: None)
    for _ in range(3):
        due_s = watch._next_tick()
        assert 0 < due_s - time.monotonic() <= interval_s
        ticks = (due_s - epoch_s) / interval_s
        assert ticks == pytest.approx(round(ticks))


class Broken(Kernel):
    """A source with a bug."""

    def read(self) -> Reading:
        raise TypeError("a bug")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_a_source_ends_its_watch_loudly_and_is_not_waited_for() -> None:
    watch = Watch(Broken(), INTERVAL_S, time.monotonic(), lambda reading: None)
    watch.start()
    watch.ask()

    assert not watch.answered_by(time.monotonic() + 5)
    watch.join()  # its last words are a warning, which has to come while this test expects it
    assert watch.failure == "kernel is not read any more: TypeError('a bug')"


@pytest.mark.slow
def test_it_reads_about_as_often_as_the_interval_says(run: RunDirectory, until: Until) -> None:
    interval_s = 0.02
    with Collector(run, sources(), interval_s):
        begun = time.monotonic()
        until(lambda: time.monotonic() - begun > 20 * interval_s)
        elapsed = time.monotonic() - begun

    ticks = {row["t_ns"] for row in run.metric_table().to_pylist() if row["source"] == "kernel"}
    assert 5 <= len(ticks) <= elapsed / interval_s + 5  # a busy machine skips some


def test_read_all_reads_what_happened_up_to_now(
    run: RunDirectory, targets: Path, workers: list[Worker]
) -> None:
    with Collector(run, sources(targets_dir=targets), 60.0) as collector:
        collector.read_all()
        workers[0].granted.labels("naive").inc(7)
        assert collector.read_all() == ()

    assert recorded(run)["app:101", "tickets_granted_total"][-1] == 7


def test_a_worker_that_appears_later_is_found_and_one_that_withdrew_is_left(
    run: RunDirectory, targets: Path, workers: list[Worker], until: Until
) -> None:
    for worker in workers:
        worker.used.labels("postgres", "used").set(2)
    with Collector(run, sources(targets_dir=targets), INTERVAL_S) as collector:

        def used() -> float | None:
            return collector.latest("db_client_connections", "app", pool="postgres", state="used")

        until(lambda: used() == 4)
        respawned = Worker(targets, 103)
        respawned.used.labels("postgres", "used").set(10)
        until(lambda: used() == 14)
        workers[0].file.unlink()
        until(lambda: used() == 12)
        respawned.die()


def test_a_worker_that_dies_is_counted_and_the_others_go_on(
    run: RunDirectory, targets: Path, workers: list[Worker], until: Until
) -> None:
    with Collector(run, sources(targets_dir=targets), INTERVAL_S) as collector:
        workers[0].used.labels("redis", "used").set(1)
        until(lambda: collector.latest("db_client_connections", "app:101") == 1)
        workers[0].die()
        until(lambda: "app:101" in collector.failures)
        workers[1].used.labels("redis", "used").set(5)
        until(lambda: collector.latest("db_client_connections", pool="redis") == 5)

        assert "app:101 gave no metrics" in collector.failures["app:101"]
        assert collector.read_all() == ("app:101",)
        assert collector.error is None

    table = run.metric_table().to_pylist()
    failed = {
        json.loads(row["labels"])["source"]: row["value"]
        for row in table
        if row["name"] == "collector_failed_total"
    }
    assert 1 <= failed["app:101"] <= 5, "tried again once a second, not at each tick"
    assert failed["app:102"] == 0


def test_a_targets_file_that_is_damaged_is_counted_and_named(
    run: RunDirectory, targets: Path, until: Until
) -> None:
    (targets / "app-1.json").write_text("{")
    with Collector(run, sources(targets_dir=targets), INTERVAL_S) as collector:
        until(lambda: "app-1.json" in collector.failures.get("targets", ""))
        (targets / "app-1.json").unlink()
        until(lambda: not collector.failures)

    assert recorded(run)["collector", "collector_failed_total"]


def test_a_store_that_is_down_is_recorded_as_down(
    run: RunDirectory, tmp_path: Path, until: Until
) -> None:
    down = sources(
        dsn=f"postgresql://postgres@/x?host={tmp_path}", redis_url=f"unix://{tmp_path}/redis.sock"
    )
    with Collector(run, down, INTERVAL_S) as collector:
        until(lambda: collector.latest("machine_cpu_used_ratio") is not None)  # needs two looks
        assert collector.read_all() == ("postgres", "redis")

    found = recorded(run)
    assert found["postgres", "pg_up"][-1] == 0
    assert found["redis", "redis_up"][-1] == 0
    assert found["kernel", "machine_cpu_used_ratio"]


def test_a_hung_postgres_does_not_hold_up_the_others(
    run: RunDirectory,
    postgres_dsn: str,
    postgres: psycopg.Connection,
    redis_process: Any,
    until: Until,
) -> None:
    both = sources(dsn=postgres_dsn, redis_url=redis_process.url)
    own = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
    with Collector(run, both, INTERVAL_S) as collector:
        until(lambda: collector.latest("pg_up") == 1)
        row = postgres.execute(own, [APPLICATION]).fetchone()
        assert row is not None
        os.kill(row[0], signal.SIGSTOP)
        begun_ns = time.time_ns()
        until(lambda: collector.latest("pg_up") == 0)
        ended_ns = time.time_ns()
        os.kill(row[0], signal.SIGCONT)
        until(lambda: collector.latest("pg_up") == 1)

    read = [
        row["t_ns"]
        for row in run.metric_table().to_pylist()
        if row["name"] == "redis_up" and begun_ns <= row["t_ns"] <= ended_ns
    ]
    assert len(read) >= (ended_ns - begun_ns) / 1e9 / INTERVAL_S / 4


def test_what_the_conductor_hands_in_is_recorded_and_shown(run: RunDirectory) -> None:
    def students(t_ns: int, waiting: float) -> Sample:
        state = labels_json(state="waiting")
        return Sample(t_ns, "generator", "generator_students", state, waiting)

    with Collector(run, sources(), INTERVAL_S) as collector:
        collector.add([students(1, 300), Sample(1, "generator", "generator_in_flight", "{}", 9)])
        collector.add([students(2, 280)])
        assert collector.latest("generator_students", state="waiting") == 280
        assert collector.latest("generator_in_flight") == 9
        assert collector.latest("generator_students", state="acting") is None
        assert collector.latest("generator_students", "app") is None

    assert recorded(run)["generator", "generator_students"] == [300, 280]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here")
    yield disk
    # lazily: the kept exception still holds the file that could not be written
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_told_at_once_and_raised_at_the_end(
    run: RunDirectory, tiny_disk: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PART_EVERY_S", 0.05)
    run.metrics.rmdir()
    run.metrics.symlink_to(tiny_disk)
    collector = Collector(run, sources(), 0.01)
    with pytest.raises(RunDirectoryUnusableError, match="No space left on device"), collector:
        (tiny_disk / "filler").write_bytes(bytes(60 * 1024))
        with contextlib.suppress(OSError):
            (tiny_disk / "more").write_bytes(bytes(8 * 1024))
        until(lambda: collector.error is not None)


def test_a_metrics_folder_that_vanished_ends_the_collector_with_a_sentence(
    run: RunDirectory, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PART_EVERY_S", 0.05)
    collector = Collector(run, sources(), INTERVAL_S)
    with pytest.raises(RunDirectoryUnusableError, match=r"metrics\.parquet.*cannot be written"):  # noqa: SIM117
        with collector:
            shutil.rmtree(run.metrics)
            until(lambda: collector.error is not None)
            assert collector.read_all(timeout_s=1.0)


def test_an_error_on_its_way_is_not_hidden_by_one_of_the_disk(run: RunDirectory) -> None:
    with pytest.raises(ZeroDivisionError), Collector(run, sources(), INTERVAL_S):
        shutil.rmtree(run.metrics)
        raise ZeroDivisionError


def test_a_sample_that_does_not_fit_is_said_so(run: RunDirectory) -> None:
    misfit: Any = Sample(1, "generator", "generator_in_flight", "{}", "many")
    collector = Collector(run, sources(), INTERVAL_S)
    with pytest.raises(RunDirectoryUnusableError, match="A sample does not fit"), collector:
        collector.add([misfit])


KILLED = """
import sys, time
from pathlib import Path
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.collectors.collector import Collector, Sources
run = RunDirectory(Path(sys.argv[1]))
with Collector(run, Sources(None, None, None, "festival", (), list), 0.05):
    print("collector", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
def test_a_killed_process_leaves_all_but_its_last_two_seconds(
    run: RunDirectory, until: Until
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(run.path)], stdout=subprocess.PIPE, cwd=Path.cwd()
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        until(lambda: len(list(run.metrics.glob("[!.]*.parquet"))) >= 2)
        process.send_signal(signal.SIGKILL)
        killed_ns = time.time_ns()

    newest = max(run.metric_table()["t_ns"].to_pylist())
    assert killed_ns - newest < 2e9


def test_parts_are_numbered_and_closing_twice_writes_nothing_more(run: RunDirectory) -> None:
    with Collector(run, sources(), INTERVAL_S) as collector:
        collector.read_all()
        collector.close()
        parts = sorted(path.name for path in run.metrics.iterdir())

    assert sorted(path.name for path in run.metrics.iterdir()) == parts == ["000001.parquet"]
    assert pq.read_table(run.metrics / parts[0]).num_rows > 0
