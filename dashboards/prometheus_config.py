"""Prometheus' configuration for rehearsals: what it scrapes, every second, and by which rules."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dress_rehearsal.dashboards.errors import DashboardsError
from dress_rehearsal.records.files import remedy

RULES: Final = Path(__file__).resolve().parent / "rules"
"""The folder of the recording and alerting rules; the rules' own tests are in `tests/`."""

SCRAPE_S: Final = 1
"""How often every target of a rehearsal is scraped."""

_HEAD: Final = f"""\
# A rehearsal lasts about a minute: it is looked at every second, and what does not answer within
# that second is as good as gone.
global:
  scrape_interval: {SCRAPE_S}s
  scrape_timeout: {SCRAPE_S}s
  evaluation_interval: {SCRAPE_S}s
"""
_JOB: Final = """\
# The files say what there is to scrape, and of which run and job it is. They come and go with the
# rehearsal. What the conductor re-exports names pids and generators itself: its labels stay.
scrape_configs:
  - job_name: rehearsal
    honor_labels: true
    file_sd_configs:
      - refresh_interval: 2s
        files:
"""


def config_text(
    targets: Sequence[str],
    rules: Sequence[str],
    *,
    alertmanager: str | None = None,
    run: str | None = None,
) -> str:
    """Return `prometheus.yml`.

    Args:
        targets: globs of `file_sd` files.
        rules: globs of rule files, relative to the configuration's folder or absolute.
        alertmanager: `host:port` of an Alertmanager; none: alerts are only shown.
        run: what the boards find all of it by, where nobody rehearses; none: the files say it.
    """
    parts = [_HEAD, "\nrule_files:\n", *_items(rules, 2)]
    if alertmanager is not None:
        parts += ["\nalerting:\n  alertmanagers:\n    - static_configs:\n        - targets:\n"]
        parts += _items([alertmanager], 12)
    parts += ["\n", _JOB, *_items(targets, 10)]
    if run is not None:
        parts += [f"    relabel_configs:\n      - target_label: run\n        replacement: {run}\n"]
    return "".join(parts)


def write_config(folder: Path, targets: Sequence[str], *, alertmanager: str | None = None) -> Path:
    """Write `prometheus.yml` and copies of the rules into `folder`, and return the former's path.

    Args:
        targets: globs of `file_sd` files.
        alertmanager: `host:port` of an Alertmanager; none: alerts are only shown.

    Raises:
        DashboardsError: they cannot be written.
    """
    config = folder / "prometheus.yml"
    try:
        copies = folder / RULES.name
        copies.mkdir(parents=True, exist_ok=True)
        names = []
        for rule in sorted(RULES.glob("*.yml")):
            (copies / rule.name).write_bytes(rule.read_bytes())
            names.append(f"{RULES.name}/{rule.name}")
        config.write_text(config_text(targets, names, alertmanager=alertmanager), "utf-8")
    except OSError as error:
        raise DashboardsError(
            f"Prometheus' configuration cannot be written to {folder}: "
            f"{error.strerror or error}; {remedy(error, 'choose another folder')}."
        ) from error
    return config


def _items(texts: Sequence[str], indent: int) -> list[str]:
    """A YAML list of strings, quoted as in JSON, which YAML reads the same."""
    return [f"{' ' * indent}- {json.dumps(text, ensure_ascii=False)}\n" for text in texts]
