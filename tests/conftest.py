"""Marks the tests that need a server, for `make check` to leave out; finds what failed again."""

import gc
from collections.abc import Iterator
from socketserver import BaseServer

import pytest

pytest_plugins = ["tests.scheduling"]

BaseServer.serve_forever.__defaults__ = (0.02,)  # how often it looks whether it is to end: 0.5 s

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
    "kafka_bootstrap",
    "queue_settings",
}
"""Fixtures that start PostgreSQL, Redis, Prometheus or anything else that listens."""

FAILED = "dress-rehearsal/failed"
"""In pytest's cache: how many tests failed in the last run that was no second try."""


def pytest_itemcollected(item: pytest.Item) -> None:
    if SERVERS & set(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.servers)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Have the collector of garbage pass over what is imported: it stays until the end."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Look whether a second try has all that failed.

    Raises:
        UsageError: it would leave out some of it.
    """
    cache = cache_of(session.config)
    if cache is not None and session.config.option.lf:
        failed = cache.get(FAILED, 0)
        if len(session.items) < failed:
            found = f"Of {failed} tests that failed, only {len(session.items)} are found again"
            raise pytest.UsageError(f"{found}: run all of them once more.")


def cache_of(config: pytest.Config) -> pytest.Cache | None:
    """Return pytest's cache; none with `-p no:cacheprovider`, where options of it lack as well."""
    return getattr(config, "cache", None)


_failed: set[str] = set()
"""Names of tests that failed in this session, as its controller hears them."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        _failed.add(report.nodeid)


@pytest.hookimpl(trylast=True)  # once pytest has written down what failed
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a second try find what failed here: pytest-xdist adds its group to a test's name."""
    config, cache = session.config, cache_of(session.config)
    if hasattr(config, "workerinput") or cache is None or config.option.lf:
        return
    known = cache.get("cache/lastfailed", {})
    files = [name for name in known if "::" not in name]  # that could not be collected
    plain = {name.rpartition("@")[0] for name in _failed if "@" in name}
    cache.set(FAILED, len(_failed))
    cache.set("cache/lastfailed", dict.fromkeys([*files, *_failed, *plain], True))
