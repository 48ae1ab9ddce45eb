"""One rehearsal as the checklist needs it: read from its run directory, judged once."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from dress_rehearsal.plans import Plan, plan_toml
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.checklist.recovery import SwitchTried, switches_tried
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.page.headroom import Ahead, ahead_of
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.verdict import judge

_STAMP: Final = re.compile(r"(\d{8}T\d{6})Z-")
_SERIES: Final = re.compile(r"\d{8}T\d{6}Z-")
"""How the folder begins that a series of runs has for itself."""
_SEED: Final = re.compile(r"^seed = \d+$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One rehearsal.

    Attributes:
        href: its report, as the checklist's page leads there.
        began: when; None where nothing tells.
        commit, fingerprint: of the rehearsal's own code, and of the machine; None: not known.
        overrides: what was set otherwise than in the plan's file.
        series: the folder of the series that it is one run of; None: it is a single one.
        beyond: it tried a load beyond the plan's own number, to find out what breaks.
        switches: what became of each fault that it flipped.
        ahead: what a search for the capacity of its plan would take; None: not known.
    """

    run: str
    href: str
    plan: Plan
    verdict: Verdict
    began: datetime | None
    commit: str | None
    fingerprint: str | None
    overrides: tuple[str, ...]
    beyond: bool
    series: str | None
    switches: tuple[SwitchTried, ...]
    ahead: Ahead | None = None

    @property
    def people(self) -> int:
        """How many students were to act, or users of a Locust file."""
        if self.plan.load is not None:
            return self.plan.load.users or 1
        return self.plan.event.students

    @property
    def came(self) -> int:
        """How many of them did act: nobody where the run never began."""
        if self.plan.load is not None:
            return self.people if self.verdict.latency_ms else 0
        return self.people - self.verdict.census.never_started

    @property
    def rehearses(self) -> str:
        """What it rehearses, whatever its seed: two with the same are repeats."""
        return _SEED.sub("", plan_toml(self.plan))

    @property
    def asks(self) -> str:
        """What it asks of the target, gates included, whatever its seed and how many come for how
        many tickets: a later run that passed clears nothing of one that asked for anything else."""
        event = self.plan.event.model_copy(update={"students": 1, "tickets": 0})
        return _SEED.sub("", plan_toml(self.plan.model_copy(update={"event": event})))


def read_rehearsed(run: RunDirectory, href: str, *, own: int | None = None) -> Rehearsed:
    """Return one rehearsal.

    Args:
        own: the plan's own number, where the run is one of a search for the capacity.

    Raises:
        RunDirectoryUnreadableError: its plan cannot be read.
        MetricUnknownError: a gate of its plan names a number that no verdict holds.
    """
    plan = run.plan()
    verdict = _written_verdict(run)
    evidence = read_evidence(run) if plan.faults or verdict is None else None
    if verdict is None:
        assert evidence is not None
        verdict = judge(evidence)
    facts: dict[str, Any] = run.environment([])
    people = plan.event.students if plan.load is None else plan.load.users or 1
    return Rehearsed(
        run=run.id,
        href=href,
        plan=plan,
        verdict=verdict,
        began=_began(run),
        commit=_text(facts.get("git_commit")),
        fingerprint=_text(facts.get("fingerprint")),
        ahead=ahead_of(run),
        overrides=tuple(map(str, facts.get("overrides") or ())),
        beyond=own is not None and people > own,
        series=str(run.path.parent) if is_series(run.path.parent) else None,
        switches=tuple(switches_tried(evidence)) if evidence and plan.faults else (),
    )


def is_series(folder: Path) -> bool:
    """Return whether a folder that holds no run's own files is named as that of a series."""
    return _SERIES.match(folder.name) is not None


def _written_verdict(run: RunDirectory) -> Verdict | None:
    """Return the verdict written with the run; None where there is none of this version."""
    try:
        text = (run.path / "verdict.json").read_text(encoding="utf-8")
        return Verdict.model_validate_json(text)
    except (OSError, UnicodeDecodeError, ValidationError):
        return None


def _began(run: RunDirectory) -> datetime | None:
    stamp = _STAMP.match(run.id)
    if stamp is not None:
        try:
            return datetime.strptime(stamp[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            pass
    first = next(iter(run.timeline([])), None)
    return None if first is None else datetime.fromtimestamp(first.t_ns // NS_PER_S, UTC)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
