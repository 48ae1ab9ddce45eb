"""Fixtures for judging: synthetic run directories, healthy or broken on purpose."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dress_rehearsal import reports
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.reports.evidence import Evidence, read_evidence
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.verdict import judge
from tests.reports import synthetic_run


@pytest.fixture
def build_run(tmp_path: Path) -> Callable[..., RunDirectory]:
    """Build a run under this test's own folder: `build_run(oversell=3)`."""
    made = iter(range(1000))

    def build(**arguments: Any) -> RunDirectory:
        return synthetic_run.build_run(tmp_path / f"runs-{next(made)}", **arguments)

    return build


@pytest.fixture(scope="session")
def evidence_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Evidence]:
    """Build a run and read it back: `evidence_of(oversell=3)`.

    The same arguments give the same evidence; whoever wants another makes a changed copy.
    """
    known: dict[str, Evidence] = {}

    def evidence(**arguments: Any) -> Evidence:
        key = repr(sorted(arguments.items()))
        gates = arguments.pop("gates", ())
        if key not in known and gates:  # they are the plan's alone: the run is the same
            plan = synthetic_run.plan_of(**arguments, gates=gates)
            known[key] = dataclasses.replace(evidence(**arguments), plan=plan)
        elif key not in known:
            run = synthetic_run.build_run(tmp_path_factory.mktemp("run"), **arguments)
            known[key] = read_evidence(run)
        return known[key]

    return evidence


@pytest.fixture(scope="session")
def verdict_of(evidence_of: Callable[..., Evidence]) -> Callable[..., Verdict]:
    """Build a run and judge it: `verdict_of(oversell=3)`; judged once for the same arguments."""
    known: dict[str, Verdict] = {}

    def verdict(**arguments: Any) -> Verdict:
        key = repr(sorted(arguments.items()))
        if key not in known:
            known[key] = judge(evidence_of(**arguments))
        return known[key]

    return verdict


@pytest.fixture(scope="session")
def healthy(evidence_of: Callable[..., Evidence]) -> Evidence:
    """The evidence of a run where nothing went wrong."""
    return evidence_of()


@pytest.fixture(scope="session")
def healthy_verdict(verdict_of: Callable[..., Verdict]) -> Verdict:
    """The verdict on `healthy`."""
    return verdict_of()


@pytest.fixture(scope="session")
def published_schema() -> Any:
    """The JSON Schema of `verdict.json` as it is published."""
    path = Path(reports.__file__).with_name("verdict.schema.json")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def valid(published_schema: Any) -> Callable[[Any], None]:
    """Hold a document against the published schema, which itself is checked only once."""
    kind = jsonschema.validators.validator_for(published_schema)
    kind.check_schema(published_schema)
    check: Callable[[Any], None] = kind(published_schema).validate
    return check


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the figures out of a page: they are most of its time, and not looked at here."""
    monkeypatch.setattr("dress_rehearsal.reports.page.draw_figures", lambda *_: [])
