"""Marks the tests that need a server: `make check` leaves them out."""

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.servers)
