"""Prometheus with a past: samples written as OpenMetrics, made into blocks, and served."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dress_rehearsal.compose.servers.prometheus import Prometheus
from dress_rehearsal.dashboards.prometheus_api import PrometheusApi
from tests.dashboards.binaries import binary, run

Sample = tuple[str, float, float]
"""A series as PromQL writes it, a value, and when, in seconds since the Unix epoch."""


def plain_json(built: Any) -> dict[str, Any]:
    """Return a part of a dashboard as its JSON has it."""
    found: dict[str, Any] = json.loads(json.dumps(built, cls=JSONEncoder))
    return found


def record(samples: Iterable[Sample], data: Path) -> None:
    """Write samples into a new database."""
    by_family: dict[str, list[str]] = {}
    for series, value, at_s in samples:
        family = series.partition("{")[0]
        by_family.setdefault(family, []).append(f"{series} {value} {at_s:.3f}")
    lines = []
    for family, rows in by_family.items():
        lines += [f"# TYPE {family} unknown", *rows]
    text = data.with_suffix(".openmetrics")
    text.write_text("\n".join([*lines, "# EOF", ""]))
    run("promtool", "tsdb", "create-blocks-from", "openmetrics", text, data)


@contextmanager
def served(data: Path) -> Iterator[PrometheusApi]:
    """Serve a database."""
    binary("prometheus")
    config = data.with_name("prometheus.yml")
    config.write_text("scrape_configs: []\n")
    with Prometheus(config, data, data.with_name("prometheus.log")) as server:
        yield PrometheusApi(server.url)
