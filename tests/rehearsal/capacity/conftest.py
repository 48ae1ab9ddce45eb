"""Runs of a search that take no time: each leaves a run directory and a verdict of its load."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.capacity import conduct
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.errors import RehearsalError
from dress_rehearsal.rehearsal.series import performances
from dress_rehearsal.reports.capacity import pages
from dress_rehearsal.reports.capacity.schema import CapacityTry
from dress_rehearsal.reports.figures import Missing
from tests.rehearsal.verdicts import verdict_of

NO_GATES: dict[str, object] = {"gates": [], "latency_ms": {}}


@dataclass
class Oracle:
    """What each run comes to, by how many people act; and what was run, in its order."""

    says: Callable[[int], str] = lambda people: "pass"
    ran: list[Any] = field(default_factory=list)
    overrides: list[list[str]] = field(default_factory=list)


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> Oracle:
    """Have runs come to what an oracle says: an outcome, or `broken`, `stopped`, `interrupted`."""
    told = Oracle()

    def rehearsed(plan, runs, screen, roster, *, overrides, **_):
        people = plan.event.students if plan.load is None else plan.load.users
        word = told.says(people)
        told.ran.append(plan)
        told.overrides.append(list(overrides))
        if word == "stopped":
            raise KeyboardInterrupt
        if word == "broken":
            raise RehearsalError("The stage could not be set.")
        run = RunDirectory.create(runs, plan)
        if word == "interrupted":
            run.stamp("abort", "interrupted", reason="Somebody pressed Ctrl-C.")
        verdict = "inconclusive" if word not in ("pass", "fail") else word
        return verdict_of(run.id, verdict=verdict, reasons=[f"It was {word}."], **NO_GATES)

    def tried(evidence, verdict, *, step, load, people, took_s):
        return CapacityTry(
            run=verdict.run,
            seed=told.ran[-1].seed,
            load=load,
            people=people,
            outcome=_said(verdict),
            verdict=verdict.verdict,
            reason=verdict.reasons[0],
            cause="Cause: the app's own code.",
            broken="census.failed is 7, the limit is == 0" if verdict.verdict == "fail" else None,
            p99_ms=float(people),
            p99_low=people * 0.9,
            p99_high=people * 1.1,
            tickets_per_s=50.0,
            answers_per_s=people,
            took_s=took_s,
        )

    monkeypatch.setattr(performances, "rehearse", rehearsed)
    monkeypatch.setattr(conduct, "read_evidence", lambda run: SimpleNamespace(run=run.id))
    monkeypatch.setattr(conduct, "try_of", tried)
    return told


def _said(verdict: Any) -> Any:
    return verdict.reasons[0].removeprefix("It was ").removesuffix(".")


@pytest.fixture
def searched(oracle: Oracle, tmp_path, capsys, request, monkeypatch):
    """Carry out `rehearse capacity smoke`; return exit code, capacity.json, and what was said."""
    if "drawn" not in request.fixturenames:
        left_out = Missing("capacity", "Load, latency and answers", "It is left out.")
        monkeypatch.setattr(pages, "draw_capacity", lambda _: left_out)
    searches = itertools.count()

    def search(says, *options, plan="smoke"):
        oracle.says = says
        oracle.ran.clear()
        out = tmp_path / f"runs-{next(searches)}"
        code = main(["capacity", plan, "--set", "name=small", "--out", str(out), *options])
        said = capsys.readouterr()
        folders = sorted(out.glob("*-small-capacity"))
        numbers = folders[-1] / "capacity.json" if folders else None
        document = json.loads(numbers.read_text()) if numbers and numbers.exists() else None
        return code, document, said.out + said.err, folders[-1] if folders else None

    return search
