"""The live view's pools: those of the bundled app by name, somebody else's as its plan tells."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from dress_rehearsal.plans import read_plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.collectors.collector import Collector, Sources
from dress_rehearsal.records.samples import Sample, labels_json
from dress_rehearsal.rehearsal.terminal.pools import newest_pools
from dress_rehearsal.rehearsal.terminal.screen import Screen
from tests.rehearsal.terminal.test_screen import PLAN, status

FOREIGN = """
name = "their-shop"
[scenario]
file = "buyer.py"
[target]
stage = "external"
url = "http://127.0.0.1:8471"
[target.opening]
already = true
[[metrics]]
name = "shop"
url = "http://127.0.0.1:8471/metrics"
pools = "sqlalchemy"
"""


@pytest.fixture
def foreign(tmp_path):
    (tmp_path / "buyer.py").write_text("")
    (tmp_path / "plan.toml").write_text(FOREIGN)
    return read_plan(tmp_path / "plan.toml")


@pytest.fixture
def collector(tmp_path):
    run = RunDirectory.create(tmp_path, PLAN)
    return Collector(run, Sources(None, None, None, "festival", (), list), 0.25)


def pool_of(source, pool, used, most=None, waiting=None):
    """Return a pool's samples; what is None it does not tell."""
    name, labels = "db_client_connection", labels_json(pool=pool)
    told = [Sample(1, source, f"{name}s", labels_json(pool=pool, state="used"), used)]
    told += [] if most is None else [Sample(1, source, f"{name}_max", labels, most)]
    if waiting is not None:
        told.append(Sample(1, source, f"{name}_pending_requests", labels, waiting))
    return told


def test_the_bundled_apps_pools_are_there_before_they_are_heard_of(collector):
    assert newest_pools(PLAN, collector) == [
        ("PostgreSQL pools", "-", "-", "-"),
        ("Redis pools", "-", "-", "-"),
        ("Kernel's accept queue", "-", "-", "-"),
        ("Write-back queue", "-", "-", "-"),
    ]
    collector.add(pool_of("app:1", "redis", 50.0, 64.0, 2.0))
    collector.add(pool_of("app:2", "redis", 14.0, 64.0, 1.0))
    assert newest_pools(PLAN, collector)[1] == ("Redis pools", "64", "128", "3")


def test_a_foreign_apps_pools_are_those_its_metrics_tell_of_and_no_others(foreign, collector):
    assert newest_pools(foreign, collector) == []
    collector.add(pool_of("shop", "shop.orders", 20.0, 20.0, 1234.0))
    collector.add(pool_of("elsewhere", "stranger", 1.0))
    assert newest_pools(foreign, collector) == [("shop.orders", "20", "20", "1,234")]


def test_what_a_foreign_pool_does_not_tell_is_no_zero(foreign, collector):
    collector.add(pool_of("shop", "shop.orders", 3.0))
    assert newest_pools(foreign, collector) == [("shop.orders", "3", "-", "-")]


def test_the_instances_of_a_foreign_app_are_added_up(foreign, collector):
    collector.add(pool_of("shop:1", "shop.orders", 3.0, 20.0))
    collector.add(pool_of("shop:2", "shop.orders", 4.0, 20.0))
    assert newest_pools(foreign, collector) == [("shop.orders", "7", "40", "-")]


def test_a_foreign_pools_name_cannot_draw_on_the_terminal(foreign, collector):
    collector.add(pool_of("shop", "shop.\x1b[31morders", 3.0))
    ((name, *_),) = newest_pools(foreign, collector)
    assert "\x1b" not in name
    assert "orders" in name


def test_a_foreign_apps_accept_queue_is_shown_where_it_can_be_read(foreign, collector):
    collector.add([Sample(1, "kernel", "listen_queue_length", "{}", 7.0)])
    collector.add([Sample(1, "kernel", "listen_queue_limit", "{}", 128.0)])
    assert newest_pools(foreign, collector) == [("Kernel's accept queue", "7", "128", "7")]


def test_of_several_accept_queues_the_fullest_that_students_come_to_is_shown(collector):
    queues = {"nginx": (30.0, 8192.0), "app-1": (9.0, 4096.0), "app-2": (70.0, 4096.0)}
    for container, (length, limit) in {**queues, "postgres": (99.0, 100.0)}.items():
        labels = labels_json(container=container, port=8080)
        collector.add(
            [
                Sample(1, "containers", "listen_queue_length", labels, length),
                Sample(1, "containers", "listen_queue_limit", labels, limit),
            ]
        )
    assert newest_pools(PLAN, collector)[2] == ("Kernel's accept queue", "70", "4,096", "70")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(collectors, plan):
    """Return the last picture of a live view that was given one collector after another."""
    written = Terminal()
    console = Console(file=written, width=80, color_system=None, _environ={"TERM": "xterm"})
    screen = Screen(console)
    screen.begin(plan, RunDirectory(Path("runs/one")))
    with screen:
        for number, collector in enumerate(collectors):
            screen.update(status(number, number, in_flight=1), collector)
    return written.getvalue().rpartition("dress rehearsal")[2]


def test_a_pool_that_is_heard_of_no_more_keeps_its_row(foreign, collector, tmp_path):
    collector.add(pool_of("shop", "shop.orders", 3.0, 20.0, 0.0))
    silent = Collector(
        RunDirectory.create(tmp_path, PLAN), Sources(None, None, None, "festival", (), list), 0.25
    )
    assert re.search(r"shop.orders +3 +20 +0 ", shown([collector], foreign))
    assert re.search(r"shop.orders +- +- +- ", shown([collector, silent], foreign))
    assert "shop.orders" not in shown([silent], foreign)
