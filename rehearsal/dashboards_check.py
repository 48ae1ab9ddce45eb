"""`rehearse dashboards check`: which panels have data of a run, asked of its own Prometheus."""

import json
import math
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from dress_rehearsal.compose.servers.prometheus import DATA, Prometheus, has_prometheus
from dress_rehearsal.dashboards.build import dashboards
from dress_rehearsal.dashboards.check import PanelData, Window, check_panels
from dress_rehearsal.dashboards.prometheus_api import PrometheusApi
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.rehearsal.errors import NothingToCheckError

EMPTY: Final = 99
"""The exit code when a panel has no data."""

_NOTHING_TO_SCRAPE: Final = "scrape_configs: []\n"
_JUDGED_WITHIN_S: Final = 900


def check_dashboards(run: RunDirectory, console: Console) -> int:
    """Print a line a panel and their count; return the exit code.

    Every query of a dashboard gives at least a zero in a healthy rehearsal of the reference app,
    so a panel without data is worth a look, whatever it shows.

    Raises:
        NothingToCheckError: no `prometheus` on the PATH, or no data of one in the run directory.
        StageError: Prometheus does not start on the data.
        DashboardsError: Prometheus does not answer a query.
    """
    panels = empty = 0
    with served(run) as api:
        for panel in check_panels(api, dashboards().values(), window_of(run, api)):
            panels += 1
            empty += not panel.shown
            console.print(escape(_line(panel)), style=None if panel.shown else "red")
    console.print(
        f"{panels - empty} of {panels} panels have data."
        if empty
        else f"All {panels} panels have data."
    )
    return EMPTY if empty else 0


def _line(panel: PanelData) -> str:
    head = f"{panel.dashboard}, {panel.title!r}:"
    if not panel.shown:
        return f"{head} none"
    silent = f", nothing of {', '.join(map(repr, panel.silent))}" if panel.silent else ""
    return f"{head} data, {panel.shown} series{silent}"


def window_of(run: RunDirectory, api: PrometheusApi) -> Window:
    """Return the time to look at: from the first arrival to the last that Prometheus saw.

    A run that was cut short before anybody arrived is looked at from its first phase on.

    Raises:
        NothingToCheckError: the timeline is empty, or Prometheus never saw this run.
        DashboardsError: Prometheus does not answer.
    """
    timeline = run.timeline()
    starts = [event for event in timeline if event.kind == "phase" and event.name == "arrivals"]
    if not timeline:
        raise NothingToCheckError(
            f"{run.path / 'timeline.jsonl'} is empty: this run ended before anything happened; "
            f"give another one."
        )
    start_s = (starts or timeline)[0].t_ns / NS_PER_S
    # The verdict is shown after the last event, for as long as the figures take to be drawn.
    latest_s = timeline[-1].t_ns / NS_PER_S + _JUDGED_WITHIN_S
    seen = api.query(
        "max(max_over_time(timestamp(rehearsal_info"
        f"{{run={json.dumps(run.id)}}})[{math.ceil(latest_s - start_s)}s:1s]))",
        latest_s,
    )
    if not seen:
        raise NothingToCheckError(
            f"The data in {run.path / DATA} hold nothing of {run.id}: Prometheus was never able to "
            f"scrape it; {run.logs / 'prometheus.log'} may say why."
        )
    return Window(run.id, start_s, max(seen[0].values[0], start_s + 1))


@contextmanager
def served(run: RunDirectory) -> Iterator[PrometheusApi]:
    """Start Prometheus on a copy of the run's data, with nothing to scrape, while inside.

    A copy, because a server writes to its data, and a run directory may be read-only, or its own
    Prometheus be at work.

    Raises:
        NothingToCheckError: no `prometheus` on the PATH, or no data of one in the run directory.
        StageError: Prometheus does not start on the data.
    """
    kept = run.path / DATA / "data"
    if not kept.is_dir() or not any(kept.iterdir()):
        raise NothingToCheckError(
            f"{run.path} has no data of Prometheus, so there is nothing to check: rehearse with "
            f"--prometheus, on a machine that has `prometheus` on its PATH."
        )
    if not has_prometheus():
        raise NothingToCheckError(
            "To check a run's dashboards its data are read by Prometheus, and there is no "
            "`prometheus` on the PATH; install it (Debian: apt-get install prometheus)."
        )
    with tempfile.TemporaryDirectory(prefix="dr-check-") as name:
        folder = Path(name)
        try:
            shutil.copytree(kept, folder / "data", ignore=shutil.ignore_patterns("lock"))
            config = folder / "prometheus.yml"
            config.write_text(_NOTHING_TO_SCRAPE, encoding="utf-8")
        except (OSError, shutil.Error) as error:
            raise NothingToCheckError(
                f"The data in {kept} cannot be copied to {folder}: {error}; set TMPDIR to a folder "
                f"with room for them."
            ) from error
        with Prometheus(config, folder / "data", folder / "prometheus.log") as server:
            yield PrometheusApi(server.url)
