"""The judgement of one cell of a matrix: what was to be found, and what was.

A cell reaches its lane, and a judgement its leader, as a line of JSON.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final, Self

from pydantic import TypeAdapter

from dress_rehearsal.plans import Cell

_WRONGS: Final = (
    "audit.*",
    "fairness.*",
    "lost.*",
    "pools.*.leak",
    "pools.*.nested_acquire",
    "pools.*.slow_holder",
    "verdict.inconclusive",
)
"""Findings that accuse somebody, or say that nothing was decided (a counter that was not audited
is among `audit.*`): one that a cell neither expects nor allows differs. The rest is strain, which
is true of a busy machine, and `verdict.fail`, which what is made to go wrong brings along."""
_UNWELL: Final = (*_WRONGS, "cause.*", "census.*", "generator.limited", "trust.*", "verdict.*")
"""What a cell where nothing is made to go wrong must not find either: it has to pass, and there is
nothing to name a cause of."""
_BUSY: Final = ("trust.foreign_cpu", "trust.steal")
"""That others had the processors meanwhile, as measured: then a slow sale is no surprise, its cause
is named truly, and only what no lack of a processor brings about is a wrong (`_WRONGS`, but not
that the run decides nothing)."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of one cell; it differs when something is missing, unexpected or broken."""

    strategy: str
    fault: str
    expected: tuple[str, ...]
    found: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    seconds: float
    run: str | None = None
    """The cell's run directory, below the matrix's folder."""
    error: str | None = None
    """Why the cell could not be carried out."""
    undecided: tuple[str, ...] = ()
    """What would be unexpected on a quiet machine and is held against nobody on this busy one."""
    said: str = ""
    """The run's own gravest sentence and its cause, where it differs: its folder may be gone."""

    @property
    def differs(self) -> bool:
        """Whether it is not as expected."""
        return bool(self.missing or self.unexpected or self.error)

    @property
    def sentence(self) -> str:
        """What came of it, in one line."""
        name = f"{self.strategy} × {self.fault}"
        if self.error is not None:
            return f"{name}: {self.error}"
        if not self.differs:
            came = f"{name}: as expected ({', '.join(self.expected) or 'nobody accused'})"
            if not self.undecided:
                return came
            found = ", ".join(self.undecided)
            return f"{came}; others had the CPU, so how fast it was is undecided ({found})"
        parts = [
            *(f"{finding} was not found" for finding in self.missing),
            *(f"{finding} was found though nothing should cause it" for finding in self.unexpected),
        ]
        said = f". The run says: {self.said}" if self.said else ""
        return f"{name}: {'; '.join(parts)}{said}"

    def document(self) -> dict[str, Any]:
        """Return it as it stands in `matrix.json`."""
        return {**asdict(self), "differs": self.differs}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Return the judgement that `document` wrote."""
        return TypeAdapter(cls).validate_python(document)


def judge_cell(
    cell: Cell, found: Collection[str], seconds: float, run: str, said: str = ""
) -> Judgement:
    """Return what was found held against what the cell expects and allows.

    Args:
        found: names of findings, as `reports.findings` gives them.
        seconds: how long the cell took.
        run: the name of its run directory.
        said: what the run says of itself, kept where it differs.
    """
    expected = cell.expect
    known = [choice for each in (*expected, *cell.allow) for choice in each.split(" | ")]
    wrongs = _WRONGS if cell.plan.faults or expected else _UNWELL
    strange = [each for each in sorted(found) if _any([each], wrongs) and not _any([each], known)]
    undecided = [each for each in strange if _is_strain(each)] if _any(strange, _BUSY) else []
    judgement = Judgement(
        strategy=cell.strategy,
        fault=cell.fault,
        expected=expected,
        found=tuple(sorted(found)),
        missing=tuple(each for each in expected if not _any(found, each.split(" | "))),
        unexpected=tuple(each for each in strange if each not in undecided),
        seconds=round(seconds, 3),
        run=run,
        undecided=tuple(undecided),
    )
    return replace(judgement, said=said) if judgement.differs else judgement


def _is_strain(finding: str) -> bool:
    """Return whether a lack of processors alone may bring a finding about."""
    return finding == "verdict.inconclusive" or not _any([finding], _WRONGS)


def broken_cell(cell: Cell, why: str, seconds: float, run: str | None = None) -> Judgement:
    """Return the judgement of a cell that could not be carried out.

    Args:
        why: a sentence.
        seconds: how long it was tried.
    """
    return Judgement(
        cell.strategy, cell.fault, cell.expect, (), cell.expect, (), round(seconds, 3), run, why
    )


def _any(found: Iterable[str], patterns: Collection[str]) -> bool:
    return any(fnmatchcase(each, pattern) for each in found for pattern in patterns)


def cell_line(cell: Cell) -> str:
    """Return a cell as the line a lane reads, its plan included."""
    return TypeAdapter(Cell).dump_json(cell, exclude_none=True).decode()


def cell_from(line: str) -> Cell:
    """Return the cell that `cell_line` wrote."""
    return TypeAdapter(Cell).validate_json(line)
