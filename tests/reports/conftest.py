"""Fixtures for judging: synthetic run directories, healthy or broken on purpose."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.reports.evidence import Evidence, read_evidence
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.verdict import judge


def _load() -> ModuleType:
    """Load the modules beside this file; tests are no package: by name they cannot be imported."""
    for name in ("synthetic_defects", "synthetic_meters", "synthetic_run"):
        if name not in sys.modules:
            path = Path(__file__).with_name(f"{name}.py")
            specification = importlib.util.spec_from_file_location(name, path)
            assert specification is not None and specification.loader is not None
            module = importlib.util.module_from_spec(specification)
            sys.modules[name] = module
            specification.loader.exec_module(module)
    return sys.modules["synthetic_run"]


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The module `synthetic_run`: its constants (T0_NS, steps, pids) and `build_run`."""
    return _load()


@pytest.fixture
def build_run(tmp_path: Path) -> Callable[..., RunDirectory]:
    """Build a run under this test's own folder: `build_run(oversell=3)`."""
    made = iter(range(1000))

    def build(**arguments: Any) -> RunDirectory:
        run: RunDirectory = _load().build_run(tmp_path / f"runs-{next(made)}", **arguments)
        return run

    return build


@pytest.fixture(scope="session")
def evidence_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Evidence]:
    """Build a run and read it back: `evidence_of(oversell=3)`.

    The same arguments give the same evidence; whoever wants another makes a changed copy.
    """
    known: dict[str, Evidence] = {}

    def evidence(**arguments: Any) -> Evidence:
        key = repr(sorted(arguments.items()))
        if key not in known:
            run = _load().build_run(tmp_path_factory.mktemp("run"), **arguments)
            known[key] = read_evidence(run)
        return known[key]

    return evidence


@pytest.fixture(scope="session")
def healthy_run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run where nothing went wrong; shared, so do not change its files."""
    run: RunDirectory = _load().build_run(tmp_path_factory.mktemp("healthy"))
    return run


@pytest.fixture(scope="session")
def healthy(healthy_run: RunDirectory) -> Evidence:
    """The evidence of `healthy_run`."""
    return read_evidence(healthy_run)


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
def healthy_verdict(healthy: Evidence) -> Verdict:
    """The verdict on `healthy_run`."""
    return judge(healthy)
