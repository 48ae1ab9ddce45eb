"""The blocks of code in the documentation."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"\*not run here[:.]?\*[:.]?\s*\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Block:
    """One block: its page, its line there, its language, and whether it is marked as not run."""

    page: Path
    line: int
    language: str
    text: str
    runs_here: bool

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path, *languages: str) -> list[Block]:
    """Return a page's blocks in some languages; in all where none is named."""
    text = page.read_text("utf-8")
    found = []
    for fence in _FENCE.finditer(text):
        indent, language, inside = fence.groups()
        before = text[: fence.start()]
        if not languages or language in languages:
            lines = [line.removeprefix(indent) for line in inside.splitlines(keepends=True)]
            runs_here = _NOT_RUN.search(before.rstrip()) is None
            found.append(Block(page, before.count("\n") + 1, language, "".join(lines), runs_here))
    return found
