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

from dress_rehearsal.dashboards.build import dashboards
from dress_rehearsal.dashboards.check import Window, ask
from dress_rehearsal.dashboards.prometheus_api import Answer, PrometheusApi
from dress_rehearsal.dashboards.queries import targets
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.dashboards_check import served, window_of

ROOT = Path(__file__).resolve().parents[2]
ANY_MACHINE = (
    # What is compared here is never how fast the testing machine happens to be.
    "gates=[]",
    "generator.max_late_start=1m",
    "generator.timely=1m",
    "generator.max_foreign_cpu=1000",
)


def rehearse(out: Path, *options: str, timeout_s: float = 400) -> tuple[RunDirectory, int]:
    """Run the festival plan with Prometheus as a user does; gives the run and the exit code."""
    settings = [word for setting in ANY_MACHINE for word in ("--set", setting)]
    done = command(
        "run", "festival", "--prometheus", "--out", out, *settings, *options, timeout_s=timeout_s
    )
    runs = [path for path in out.glob("*-*") if (path / "verdict.json").is_file()]
    assert runs, done.stdout + done.stderr
    return RunDirectory.open(runs[0]), done.returncode


def command(*words: str | Path, timeout_s: float = 60) -> "subprocess.CompletedProcess[str]":
    """Run `rehearse` to its end, whatever that is."""
    return subprocess.run(
        [sys.executable, "-m", "dress_rehearsal.rehearsal", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@dataclass
class Seen:
    """A run, looked at through its Prometheus."""

    run: RunDirectory
    api: PrometheusApi
    window: Window

    @cached_property
    def verdict(self) -> dict[str, Any]:
        """The report's numbers."""
        found: dict[str, Any] = json.loads((self.run.path / "verdict.json").read_text())
        return found

    def column(self, uid: str, panel: str, heading: str) -> list[Answer]:
        """Return one column of a table panel, or the one query of another."""
        found = [
            target
            for target in targets(dashboards()[uid])
            if target.panel_title == panel and heading in ("", target.legend)
        ]
        assert len(found) == 1, (uid, panel, heading, [target.legend for target in found])
        return ask(self.api, found[0], self.window)

    def over_time(self, expr: str) -> list[Answer]:
        """Ask an expression at every second of the time looked at."""
        return self.api.query_range(expr, self.window.start_s, self.window.end_s, 1.0)

    def edges_s(self, metric: str) -> Sequence[float]:
        """Return a histogram's finite bucket edges."""
        found = self.api.query(
            f'group by (le) (max_over_time({metric}_bucket{{run="{self.run.id}"}}'
            f"[{round(self.window.length_s)}s]))",
            self.window.end_s,
        )
        return sorted(float(each.labels["le"]) for each in found if each.labels["le"] != "+Inf")


@contextmanager
def looked_at(run: RunDirectory) -> Iterator[Seen]:
    """Ask a run's own data while inside, at the time that `rehearse dashboards check` looks at."""
    with served(run) as api:
        yield Seen(run, api, window_of(run, api))


def width_at(edges_s: Sequence[float], value_s: float) -> float:
    """Return the width of the bucket that a value falls into."""
    below = max((edge for edge in edges_s if edge < value_s), default=0.0)
    above = min((edge for edge in edges_s if edge >= value_s), default=below)
    return above - below
