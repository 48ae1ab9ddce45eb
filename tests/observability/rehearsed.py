"""Rehearsals with real Prometheus, and what their dashboards show of them."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from dress_rehearsal.compose.prometheus import DATA, Prometheus
from dress_rehearsal.dashboards.build import dashboards
from dress_rehearsal.dashboards.prometheus_api import Answer, PrometheusApi
from dress_rehearsal.dashboards.queries import Target, fill, targets
from dress_rehearsal.records import RunDirectory

ROOT = Path(__file__).resolve().parents[2]
POINTS = 300
"""How many a panel of Grafana asks for, about."""


def rehearse(out: Path, *options: str, timeout_s: float = 400) -> tuple[RunDirectory, int]:
    """Run the festival plan with Prometheus as a user does; gives the run and the exit code."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "dress_rehearsal.rehearsal", "run", "festival", "--prometheus"),
            *("--out", str(out), *options),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    runs = [path for path in out.glob("*-*") if (path / "verdict.json").is_file()]
    assert runs, done.stdout + done.stderr
    return RunDirectory.open(runs[0]), done.returncode


@dataclass
class Seen:
    """A run, looked at through its Prometheus."""

    run: RunDirectory
    api: PrometheusApi
    start_s: float
    end_s: float

    @cached_property
    def verdict(self) -> dict[str, Any]:
        """The report's numbers."""
        found: dict[str, Any] = json.loads((self.run.path / "verdict.json").read_text())
        return found

    def targets(self) -> Iterator[Target]:
        """Every query of every panel of every dashboard."""
        for dashboard in dashboards().values():
            yield from targets(dashboard)

    def ask(self, target: Target) -> list[Answer]:
        """Ask what a panel asks when somebody looks at the whole run."""
        length_s = self.end_s - self.start_s
        step_s = max(1.0, round(length_s / POINTS))
        expr = fill(target.expr, run=self.run.id, interval_s=step_s, range_s=length_s)
        if target.instant:
            return self.api.query(expr, self.end_s)
        return self.api.query_range(expr, self.start_s, self.end_s, step_s)

    def column(self, uid: str, panel: str, heading: str) -> list[Answer]:
        """Return one column of a table panel, or the one query of another."""
        found = [
            target
            for target in self.targets()
            if (target.dashboard, target.panel_title) == (uid, panel)
            and heading in ("", target.legend)
        ]
        assert len(found) == 1, (uid, panel, heading, [target.legend for target in found])
        return self.ask(found[0])

    def edges_s(self, metric: str) -> Sequence[float]:
        """Return a histogram's finite bucket edges."""
        found = self.api.query(
            f'group by (le) (max_over_time({metric}_bucket{{run="{self.run.id}"}}'
            f"[{round(self.end_s - self.start_s)}s]))",
            self.end_s,
        )
        return sorted(float(each.labels["le"]) for each in found if each.labels["le"] != "+Inf")


@contextmanager
def looked_at(run: RunDirectory, folder: Path) -> Iterator[Seen]:
    """Start Prometheus on a run's data; the time looked at is from the arrivals to the verdict."""
    config = folder / "prometheus.yml"
    config.write_text("scrape_configs: []\n", encoding="utf-8")
    with Prometheus(config, run.path / DATA / "data", folder / "prometheus.log") as server:
        start_s = next(event.t_ns for event in run.timeline() if event.name == "arrivals") / 1e9
        judged_s = (run.path / "report.html").stat().st_mtime
        yield Seen(run, PrometheusApi(server.url), start_s, judged_s + 2.0)


def width_at(edges_s: Sequence[float], value_s: float) -> float:
    """Return the width of the bucket that a value falls into."""
    below = max((edge for edge in edges_s if edge < value_s), default=0.0)
    above = min((edge for edge in edges_s if edge >= value_s), default=below)
    return above - below
