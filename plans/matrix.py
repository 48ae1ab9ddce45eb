"""The matrix: every strategy against every fault, and what has to be found in each cell."""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, ValidationError, model_validator

from dress_rehearsal.plans.document import read_document
from dress_rehearsal.plans.errors import PlanError, PlanInvalidError
from dress_rehearsal.plans.files import named
from dress_rehearsal.plans.plan import Name, Plan, Seed
from dress_rehearsal.plans.problems import problem_sentences
from dress_rehearsal.plans.read import check_plan, find_bundled, refuse_secrets
from dress_rehearsal.plans.sections.faults import FaultName
from dress_rehearsal.plans.shown import HIDDEN
from dress_rehearsal.plans.strategies import STRATEGIES, Allocation
from dress_rehearsal.plans.types import Section, Switch

_NAME_LENGTH: Final = 40
HEALTHY: Final = "none"
"""The fault of a row where nothing is made to go wrong."""

_FINDING: Final = re.compile(r"[a-z]+(\.[\w*]+)+")
"""Its shape; which ones there are, only reports can tell (`reports.findings`)."""
_GIVEN_BY_CELL: Final = ("name", "seed", "faults", "app.allocation")
"""Keys of a plan that a matrix gives each of its cells itself."""


def _checked_finding(text: str) -> str:
    if not all(_FINDING.fullmatch(choice) for choice in text.split(" | ")):
        raise ValueError(
            'expected a finding such as "audit.oversold", "pools.postgres.leak", "lost.app" or '
            '"census.failed", or several of which one will do: "census.failed | lost.app"'
        )
    return text


Expectation = Annotated[str, AfterValidator(_checked_finding)]
"""A finding, or several with ` | ` between them of which one will do."""


class Expected(Section):
    """What a cell must and may find."""

    expect: tuple[Expectation, ...] | None = None
    """Findings that must be there; needed wherever something is made to go wrong."""
    allow: tuple[Expectation, ...] = ()
    """Findings that may be there besides; any other wrong that is found differs."""
    grade: str | None = None
    """How bad the fault is; its usual grade when left out."""
    at: str | None = None
    """When it begins; at T-1s when left out."""
    lasts: str | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    """Sections and keys of the plan that are otherwise than in `base`."""


class Row(Expected):
    """One fault, with the strategies it can occur in."""

    fault: FaultName | None = None
    """What is made to go wrong; nothing when left out."""
    strategies: tuple[Allocation, ...] | None = None
    """Where it can occur; the sound strategies of the matrix when left out."""
    alone: Switch = False
    """Whether nothing may run beside it: it is judged by how long something took."""
    by: dict[Allocation, Expected] = Field(default_factory=dict)
    """What is otherwise with one strategy; `expect` replaces the row's, `allow` and `set` add."""

    @property
    def title(self) -> str:
        """The row's fault, or `none`."""
        return self.fault or HEALTHY


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of the matrix: its plan, and what has to come of it."""

    strategy: Allocation
    fault: str
    plan: Plan
    expect: tuple[str, ...]
    allow: tuple[str, ...]
    alone: bool = False
    """Whether no other cell may be under way meanwhile."""

    @property
    def name(self) -> str:
        """The cell as a sentence names it."""
        return f"{self.strategy} × {self.fault}"


class Matrix(Section):
    """A matrix of strategies and faults."""

    name: Name
    description: str = ""
    seed: Seed = 2026
    strategies: tuple[Allocation, ...] = tuple(STRATEGIES)
    base: dict[str, Any] = Field(default_factory=dict)
    """Sections and keys of a plan that all cells share."""
    rows: tuple[Row, ...]

    @model_validator(mode="after")
    def _every_row_can_be_run(self) -> "Matrix":
        if not self.rows:
            raise ValueError("rows is empty: a matrix needs a row at least")
        seen: set[tuple[str, str]] = set()
        for row in self.rows:
            if not self._strategies_of(row):
                raise ValueError(f"row {row.title} has no strategy to be run with")
            for strategy in self._strategies_of(row):
                if (row.title, strategy) in seen:
                    raise ValueError(f"the cell {strategy} x {row.title} is there twice")
                seen.add((row.title, strategy))
            strangers = set(row.by) - set(self._strategies_of(row))
            if strangers:
                raise ValueError(f"row {row.title}: by.{min(strangers)} is no strategy of that row")
        return self

    def cells(self, seed: int | None = None) -> Iterator[Cell]:
        """Return every cell, row by row.

        Args:
            seed: of everything drawn, instead of the matrix's own.

        Raises:
            PlanInvalidError: a cell's plan is wrong; the cell is named.
        """
        for row in self.rows:
            for strategy in self._strategies_of(row):
                yield self._cell(row, strategy, self.seed if seed is None else seed)

    def chosen(
        self, faults: Collection[str], strategies: Collection[str], seed: int | None = None
    ) -> list[Cell]:
        """Return the cells of the named faults and strategies; all of them where none is named.

        Raises:
            PlanError: a name is unknown, or no cell is left.
        """
        for what, names, known in (
            ("fault", faults, [row.title for row in self.rows]),
            ("strategy", strategies, STRATEGIES),
        ):
            strangers = sorted(set(names) - set(known))
            if strangers:
                raise PlanError(
                    f"The matrix {self.name} has no {what} {_word(strangers[0], known)}; "
                    f"it has {', '.join(dict.fromkeys(known))}."
                )
        cells = [
            cell
            for cell in self.cells(seed)
            if (not faults or cell.fault in faults)
            and (not strategies or cell.strategy in strategies)
        ]
        if not cells:
            raise PlanError(
                f"The matrix {self.name} has no cell of those faults with those strategies; "
                f"leave out one of --only and --strategies."
            )
        return cells

    def _strategies_of(self, row: Row) -> tuple[Allocation, ...]:
        if row.strategies is not None:
            return row.strategies
        return tuple(name for name in self.strategies if STRATEGIES[name].sound)

    def _cell(self, row: Row, strategy: Allocation, seed: int) -> Cell:
        own = row.by.get(strategy, Expected())
        where = f"matrix {self.name}, cell {strategy} x {row.title}"
        settings = merged(merged(self.base, row.set), own.set)
        for key in _GIVEN_BY_CELL:
            if _holds(settings, key):
                raise PlanInvalidError(
                    [f"{where}: leave out {key} in base and set: the matrix itself gives it."]
                )
        document = merged(settings, self._given(row, own, strategy, seed))
        if not isinstance(settings.get("app", {}), dict):
            document["app"] = settings["app"]  # for the check of the plan to complain of
        plan = check_plan(document, where)
        if plan.target.stage != "embedded":
            raise PlanInvalidError(
                [
                    f'{where}: target.stage = "{plan.target.stage}": a matrix is for the embedded '
                    f"stage only; rehearse another target with `rehearse run`."
                ]
            )
        expect = (row.expect if own.expect is None else own.expect) or ()
        if plan.faults and not expect:
            raise PlanInvalidError(
                [
                    f"{where}: expect is empty: name what {row.title} has to be found by, such as "
                    f'"audit.oversold" or "pools.postgres.leak"; else the cell proves nothing.'
                ]
            )
        return Cell(strategy, row.title, plan, expect, (*row.allow, *own.allow), row.alone)

    def _given(self, row: Row, own: Expected, strategy: Allocation, seed: int) -> dict[str, Any]:
        """Return what the matrix itself says of a cell's plan."""
        title = f"{strategy}-{row.title}".replace("_", "-")
        given: dict[str, Any] = {
            "name": title[:_NAME_LENGTH].rstrip("-"),
            "seed": seed,
            "app": {"allocation": strategy},
        }
        if row.fault is not None:
            written = {
                "name": row.fault,
                "grade": own.grade or row.grade,
                "at": own.at or row.at or "T-1s",
                "lasts": own.lasts or row.lasts,
            }
            given["faults"] = [{key: value for key, value in written.items() if value is not None}]
        return given


def read_matrix(source: Path) -> Matrix:
    """Return a matrix, read and checked, with the plan of every cell.

    Args:
        source: a TOML file; `matrix` or `plans/matrix.toml` is the bundled one.

    Raises:
        PlanError: the file cannot be read or is not TOML.
        PlanInvalidError: keys, types or ranges are wrong; all are named at once.
    """
    path = find_bundled(source)
    document = read_document(path)
    try:
        matrix = Matrix.model_validate(document)
    except ValidationError as error:
        raise PlanInvalidError(problem_sentences(error, named(path), Matrix)) from error
    refuse_secrets(document, named(path))
    for _ in matrix.cells():
        pass
    return matrix


def is_matrix(source: Path) -> bool:
    """Return whether a file is a matrix and not a plan: it has rows.

    Raises:
        PlanError: the file cannot be read or is not TOML.
    """
    return "rows" in read_document(find_bundled(source))


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return `one` with every key of `other` in it, tables within tables too."""
    result = dict(one)
    for key, value in other.items():
        before = result.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            result[key] = merged(before, value)
        else:
            result[key] = value
    return result


def _word(given: str, known: Iterable[str]) -> str:
    """Return a name that is unknown: shown where it is nearly one that is known."""
    return given if difflib.get_close_matches(given[:100], list(known), n=1) else HIDDEN


def _holds(document: Mapping[str, Any], key: str) -> bool:
    """Return whether a document gives a dotted key."""
    first, _, rest = key.partition(".")
    if first not in document:
        return False
    return not rest or (isinstance(document[first], dict) and _holds(document[first], rest))
