"""The architecture's list of the rooms names every module of the folders that it lists whole."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
IN_A_WORD = {  # what these have is a file each of what the list says, or shown by their own page
    *("records/pool_presets", "compose/relay", "reports/figures", "rehearsal/commands"),
    *("dashboards/boards", "dashboards/kit", "dashboards/push", "rehearsal/matrix"),
    *(f"target_app/{each}" for each in ("allocators", "faulty", "http", "routes", "stores")),
    "target_app/writeback",
}
EVERYWHERE = {"errors", "secret_files"}
"""`errors.py` is told of once for all rooms, `secret_files.py` beside what it is for."""


def listed(page: str) -> dict[str, str]:
    """Return what the list says of each folder, by its path from the root."""
    block = page.partition("## Inside the rooms")[2].split("```")[1]
    entries: dict[str, str] = {}
    room, current = "", [""]
    for line in block.strip("\n").splitlines():
        if found := re.match(r"(\w+)/ +(.*)", line):
            room, current = found[1], [found[1]]
        elif found := re.match(r" {3}((?:\w+/ ?)+) *(.*)", line):
            current = [f"{room}/{each.strip('/')}" for each in found[1].split()]
        for folder in current:
            entries[folder] = f"{entries.get(folder, '')} {line}"
    return entries


def untold(page: str) -> list[str]:
    """Return the modules of the folders listed whole that the list does not name."""
    return [
        path.relative_to(ROOT).as_posix()
        for folder, said in listed(page).items()
        if folder not in IN_A_WORD
        for path in sorted((ROOT / folder).glob("*.py"))
        if not path.stem.startswith("__") and path.stem not in EVERYWHERE
        if not re.search(rf"\b{path.stem}\b", said)
    ]


def test_every_module_of_a_folder_that_is_listed_whole_is_named() -> None:
    assert len(listed(PAGE)) > 50
    assert untold(PAGE) == []


def test_a_module_that_is_left_out_is_found() -> None:
    assert untold(PAGE.replace("stage_faults · ", "")) == ["compose/faults/stage_faults.py"]


def test_what_is_said_in_a_word_is_there() -> None:
    assert set(listed(PAGE)) >= IN_A_WORD
