"""Marks tests: those that need a server, for `make check` to leave out, and those that share."""

import gc
from pathlib import Path

import pytest

SERVERS = {
    "_redis_process",
    "neighbours",
    "postgres",
    "postgres_dsn",
    "prometheus",
    "promtool",
    "redis_server",
    "server",
    "serving_sqs",
    "spawn",
    "sqs_endpoint",
}
"""Fixtures that start PostgreSQL, Redis, Prometheus or anything else that listens."""

JUDGED = Path(__file__).with_name("reports")
"""Its tests read runs that are built and judged once a process: a file's go to one worker."""


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.servers)
        if item.path.is_relative_to(JUDGED):
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(JUDGED))))


def pytest_collection_finish() -> None:
    """Have the collector of garbage pass over what was imported: it stays until the end."""
    gc.freeze()
