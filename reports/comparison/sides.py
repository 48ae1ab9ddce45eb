"""Sides: what is compared, each one run or several runs of one plan, read from their files."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.plans.files import kind_of, named
from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.errors import RunDirectoryUnreadableError
from dress_rehearsal.records.files import is_there, reason, regular
from dress_rehearsal.reports.alike import (
    differing_keys,
    flattened,
    rehearsed_alike,
    scenario_digest,
)
from dress_rehearsal.reports.errors import ComparisonRefusedError
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.verdict import judge

_MOST_SIDES: Final = 40
_NO_RUN: Final = "give a run directory that `rehearse run` made, or a folder of them"


@dataclass(frozen=True, slots=True)
class SideRun:
    """One run of a side, as its files have it; `scenario` is a digest of the user's own, if any."""

    verdict: Verdict
    plan: Plan
    environment: dict[str, Any]
    scenario: str | None = None

    @property
    def lacks_scenario(self) -> bool:
        """Whether it had a scenario of the user's own of which no copy is kept."""
        return self.plan.scenario.file is not None and self.scenario is None


@dataclass(frozen=True)
class Side:
    """Runs that are alike but for their seeds, under the name that people know them by."""

    name: str
    runs: tuple[SideRun, ...]

    @property
    def plan(self) -> Plan:
        """The plan of its first run: the others may differ from it by what makes no other
        rehearsal (`reports.alike`), such as the seed, and the gates."""
        return self.runs[0].plan

    @cached_property
    def fingerprints(self) -> frozenset[str | None]:
        """Those of the machines that its runs were made on; None: a run does not say."""
        return frozenset(run.environment.get("fingerprint") for run in self.runs)


def one_machine(sides: Iterable[Side]) -> bool:
    """Return whether all runs were made on one machine, and say so."""
    machines = frozenset().union(*(side.fingerprints for side in sides))
    return len(machines) == 1 and None not in machines


def read_sides(paths: Sequence[Path]) -> list[Side]:
    """Return what is at each path: a run, or of a folder its runs, a side for each of their plans.

    Raises:
        PlanError: there is no run at one of them.
        ComparisonRefusedError: one, or a run, is given twice, or one has runs of too many plans.
        RunDirectoryUnreadableError: a file of a run is missing or damaged.
    """
    given = [path.resolve() for path in paths]
    for place, path in enumerate(given):
        if path in given[:place]:
            raise ComparisonRefusedError(f"{named(paths[place])} is given twice: leave one out.")
    short = [path.name for path in given]
    places = [
        str(path) if short.count(name) > 1 else name
        for path, name in zip(paths, short, strict=True)
    ]
    found = [
        (place, side)
        for place, path in zip(places, paths, strict=True)
        for side in _sides_at(path, place)
    ]
    refuse_twice(side for _, side in found)
    names = Counter(side.name for _, side in found)
    sides = [
        Side(f"{place}: {side.name}", side.runs) if names[side.name] > 1 else side
        for place, side in found
    ]
    if len(sides) > _MOST_SIDES:
        raise ComparisonRefusedError(
            f"There are {len(sides)} different plans in what is to be compared, more than "
            f"{_MOST_SIDES}: name the runs or the folders of repeats that you mean."
        )
    return sides


def side_of(name: str, runs: Iterable[RunDirectory]) -> Side:
    """Return runs of one plan as a side.

    Raises:
        RunDirectoryUnreadableError: a file of a run is missing or damaged.
    """
    return Side(name, tuple(map(_read, runs)))


def told_apart(sides: Sequence[Side]) -> list[Side]:
    """Return sides no two of which have one name: a later one has its number besides."""
    taken: dict[str, Side] = {}
    for side in sides:
        name, number = side.name, 1
        while name in taken:
            number += 1
            name = f"{side.name} ({number})"
        taken[name] = Side(name, side.runs)
    return list(taken.values())


def refuse_twice(sides: Iterable[Side]) -> None:
    """Refuse a run that is there twice, as a copy or by a link: it would count as two.

    Raises:
        ComparisonRefusedError: one is.
    """
    counts = Counter(run.verdict.run for side in sides for run in side.runs)
    for run, times in counts.items():
        if times > 1:
            raise ComparisonRefusedError(
                f"The run {visible_line(run)} is there {times} times, by a copy or a link: leave "
                f"all but one out, or it would count as several."
            )


def _sides_at(path: Path, name: str) -> list[Side]:
    if kind_of(path) != "a folder":
        kind = kind_of(path) or "not there"
        raise PlanError(f"{named(path)} cannot be compared: it is {kind}; {_NO_RUN}.")
    if is_there(path / "plan.toml"):
        return [side_of(name, [RunDirectory.open(path)])]
    try:
        folders = sorted(each for each in path.iterdir() if is_there(each / "plan.toml"))
    except OSError as error:
        raise PlanError(f"{named(path)} cannot be read: {reason(error)}; {_NO_RUN}.") from error
    if not folders:
        raise PlanError(f"{named(path)} cannot be compared: no run is in it; {_NO_RUN}.")
    groups: list[list[SideRun]] = []
    for run in map(_read, map(RunDirectory.open, folders)):
        alike = (group for group in groups if rehearsed_alike(group[0].plan, run.plan))
        group = next(alike, None)
        if group is None:
            groups.append([run])
        else:
            group.append(run)
    if len(groups) == 1:
        return [Side(name, tuple(groups[0]))]
    told_by = differing_keys([group[0].plan for group in groups])
    return [
        Side(_distinguished(group[0].plan, told_by) or f"{name}, plan {number}", tuple(group))
        for number, group in enumerate(groups, start=1)
    ]


def _distinguished(plan: Plan, keys: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return a plan's own values of the keys that tell it from the others, the first three."""
    own = flattened(plan)
    return ", ".join(f"{key.rpartition('.')[2]} {own.get(key, 'none')}" for key, _ in keys[:3])


def _read(run: RunDirectory) -> SideRun:
    return SideRun(_verdict_of(run), run.plan(), run.environment([]), scenario_digest(run))


def _verdict_of(run: RunDirectory) -> Verdict:
    """Return a run's verdict as it is written; a run that has none is judged."""
    path = run.path / "verdict.json"
    if not is_there(path):
        return judge(read_evidence(run))
    try:
        verdict = Verdict.model_validate_json(regular(path).read_bytes())
        verdict.text()  # refuses what is no number
    except (OSError, ValueError) as error:
        why = (
            reason(error) if isinstance(error, OSError) else "it is damaged, or of another version"
        )
        raise RunDirectoryUnreadableError(
            f"{path} cannot be read ({why}): judge the run again with `rehearse report {run.path}`."
        ) from error
    return verdict
