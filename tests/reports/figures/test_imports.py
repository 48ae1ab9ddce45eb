"""matplotlib is imported where its settings are kept from the user's, and nowhere else."""

import re
from pathlib import Path

import dress_rehearsal.reports.figures as figures

FIGURES = Path(figures.__file__).parent
ROOMS = FIGURES.parents[1]
IMPORT = re.compile(r"^\s*(?:import|from) matplotlib", re.MULTILINE)


def importing(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*.py") if IMPORT.search(path.read_text("utf-8"))}


def test_only_figures_import_matplotlib() -> None:
    rooms = ("plans", "records", "compose", "scenarios", "reports", "dashboards", "rehearsal")
    found = set().union(*(importing(ROOMS / room) for room in rooms))
    assert found == importing(FIGURES)
    assert FIGURES / "style.py" in found
