"""A table: aligned on a terminal, or as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from benchmarks.generator.rounds import Spread


@dataclass(slots=True)
class Table:
    """Rows of text under a head; the first column stands left, the others right."""

    head: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)

    def text(self) -> str:
        """Return it for a terminal."""
        lines = [self.head, *self.rows]
        widths = [max(map(len, column)) for column in zip_longest(*lines, fillvalue="")]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if place else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=False))
            ).rstrip()
            for line in lines
        )

    def markdown(self) -> str:
        """Return it for a page."""
        rule = ["---", *("---:" for _ in self.head[1:])]
        return "\n".join(f"| {' | '.join(line)} |" for line in (self.head, rule, *self.rows))


def shown(spread: Spread | None, form: str = ",.0f") -> str:
    """Return a median and its range; `–` where there is none."""
    if spread is None:
        return "–"
    if spread.least == spread.most:
        return format(spread.median, form)
    return f"{spread.median:{form}} ({spread.least:{form}}–{spread.most:{form}})"
