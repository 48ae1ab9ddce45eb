"""A run's dashboards as pictures, without a Grafana."""

import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from dress_rehearsal.compose.prometheus import DATA, Prometheus, has_prometheus
from dress_rehearsal.dashboards.build import COMMITTED
from dress_rehearsal.dashboards.preview import Preview, preview
from dress_rehearsal.dashboards.preview_answers import Window
from dress_rehearsal.dashboards.prometheus_api import PrometheusApi
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.errors import RehearsalError

FOLDER: Final = "dashboards"
"""Where in the run directory the pictures go unless another folder is given."""
EMPTY: Final = 1
"""The exit code when a panel shows no data."""

_NOTHING_TO_SCRAPE: Final = "scrape_configs: []\n"
_JUDGED_WITHIN_S: Final = 900


class NothingToPreview(RehearsalError):
    """There is no Prometheus, or nothing of this run that it could be asked."""


def preview_command(run: RunDirectory, out: Path | None) -> int:
    """Draw every dashboard of a run, name the panels without data, and give the exit code."""
    drawn = preview_run(run, out or run.path / FOLDER)
    console = Console(highlight=False, soft_wrap=True)
    for one in drawn:
        console.print(f"{escape(one.title)}: {escape(str(one.path))}")
    empty = [f"{one.title}, panel {panel!r}" for one in drawn for panel in one.empty]
    for panel in empty:
        console.print(f"No data: {escape(panel)}", style="red")
    return EMPTY if empty else 0


def preview_run(run: RunDirectory, out: Path) -> list[Preview]:
    """Draw every dashboard of a run from the data its Prometheus left behind, which stay as is.

    Raises:
        NothingToPreview: no `prometheus` on the PATH, or no data of one in the run directory.
        StageError: Prometheus does not start on the data.
        DashboardsError: a query fails, a panel cannot be drawn, a picture cannot be written.
    """
    with _revived(run) as url:
        api = PrometheusApi(url)
        return preview(api, _committed(), window_of(run, api), out)


def window_of(run: RunDirectory, api: PrometheusApi) -> Window:
    """Return the time to look at: from the first arrival to the last that Prometheus saw.

    A run that was cut short before anybody arrived is looked at from its first phase on.

    Raises:
        NothingToPreview: the timeline is empty, or Prometheus never saw this run.
    """
    timeline = run.timeline()
    starts = [event for event in timeline if event.kind == "phase" and event.name == "arrivals"]
    if not timeline:
        raise NothingToPreview(
            f"{run.path / 'timeline.jsonl'} is empty: this run ended before anything happened; "
            f"give another one."
        )
    start_s = (starts or timeline)[0].t_ns / 1e9
    # The verdict is shown after the last event, for as long as the figures take to be drawn.
    latest_s = timeline[-1].t_ns / 1e9 + _JUDGED_WITHIN_S
    seen = api.query(
        "max(max_over_time(timestamp(rehearsal_info"
        f"{{run={json.dumps(run.id)}}})[{math.ceil(latest_s - start_s)}s:1s]))",
        latest_s,
    )
    if not seen:
        raise NothingToPreview(
            f"The data in {run.path / DATA} hold nothing of {run.id}: Prometheus was never able to "
            f"scrape it; {run.logs / 'prometheus.log'} may say why."
        )
    opens = [event.t_ns / 1e9 for event in timeline if event.kind == "t0"]
    return Window(
        run=run.id,
        start_s=start_s,
        end_s=max(seen[0].values[0], start_s + 1),
        opens_s=opens[-1] if opens else None,
    )


def _committed() -> list[Mapping[str, Any]]:
    """Read the dashboards as they are committed, which is as Grafana gets them."""
    return [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(COMMITTED.glob("*.json"))
    ]


@contextmanager
def _revived(run: RunDirectory) -> Iterator[str]:
    """Start Prometheus on a copy of the run's data, with nothing to scrape; gives its URL.

    A copy, because a server writes to its data, and a run directory may be read-only, or its own
    Prometheus be at work.
    """
    kept = run.path / DATA / "data"
    if not kept.is_dir() or not any(kept.iterdir()):
        raise NothingToPreview(
            f"{run.path} has no data of Prometheus, so there is nothing to draw: rehearse with "
            f"--prometheus, on a machine that has `prometheus` on its PATH."
        )
    if not has_prometheus():
        raise NothingToPreview(
            "To draw a run's dashboards its data are read by Prometheus, and there is no "
            "`prometheus` on the PATH; install it (Debian: apt-get install prometheus)."
        )
    with tempfile.TemporaryDirectory(prefix="dr-preview-") as name:
        folder = Path(name)
        try:
            shutil.copytree(kept, folder / "data", ignore=shutil.ignore_patterns("lock"))
            config = folder / "prometheus.yml"
            config.write_text(_NOTHING_TO_SCRAPE, encoding="utf-8")
        except (OSError, shutil.Error) as error:
            raise NothingToPreview(
                f"The data in {kept} cannot be copied to {folder}: {error}; set TMPDIR to a folder "
                f"with room for them."
            ) from error
        with Prometheus(config, folder / "data", folder / "prometheus.log") as server:
            yield server.url
