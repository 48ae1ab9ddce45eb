"""Builds the dashboards, and writes them as files that Grafana's provisioning reads."""

import json
from pathlib import Path
from typing import Any

from dress_rehearsal.dashboards.boards.generator import generator
from dress_rehearsal.dashboards.boards.integrity import integrity
from dress_rehearsal.dashboards.boards.pools import pools
from dress_rehearsal.dashboards.boards.rehearsals import rehearsals
from dress_rehearsal.dashboards.boards.ticket_open import ticket_open


def dashboards() -> dict[str, dict[str, Any]]:
    """Return every dashboard as classic dashboard JSON, by uid."""
    built = (ticket_open(), pools(), integrity(), generator(), rehearsals())
    return {dashboard["uid"]: dashboard for dashboard in built}


def text_of(dashboard: dict[str, Any]) -> str:
    """Write a dashboard so that the same one always gives the same text."""
    return json.dumps(dashboard, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write(folder: Path) -> list[Path]:
    """Write one file a dashboard, `<uid>.json`, and return their paths.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for uid, dashboard in dashboards().items():
        file = folder / f"{uid}.json"
        file.write_text(text_of(dashboard), encoding="utf-8")
        files.append(file)
    return files
