"""The fixture `rehearse` of pytest: a test performs a plan, and asserts that it passed.

    def test_capacity(rehearse):
        assert rehearse("plan.toml").passed

pytest loads this module wherever Dress Rehearsal is installed, so it imports nothing of it and does
nothing before a test asks for the fixture. The rehearsal is the command, in a process of its own.
"""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

import pytest

Status = Literal["pass", "fail", "inconclusive"]

_INCONCLUSIVE: Final = "rehearse_inconclusive"
_RUNS: Final = "rehearse_runs"
_WITHIN_S: Final = 3600.0
_CLEARS_S: Final = 60.0
"""What a rehearsal that was interrupted may take to stop what it started."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What came of one rehearsal."""

    verdict: Status
    reasons: tuple[str, ...]
    """Why, the gravest first; what it passed with where it passed."""
    run: Path
    """The run directory, with report.html, summary.md, junit.xml and verdict.json."""

    @property
    def passed(self) -> bool:
        """Whether every gate and the audit passed."""
        return self.verdict == "pass"


class Rehearse:
    """Performs plans for one test; what the fixture gives.

    Args:
        places: folders where files are looked for, the first one first.
        runs: the folder that gets a folder a rehearsal.
        skips: whether a rehearsal that decided nothing skips its test.
    """

    def __init__(self, places: Sequence[Path], runs: Path, *, skips: bool) -> None:
        self._places = places
        self._runs = runs
        self._skips = skips

    def __call__(
        self,
        plan: str | Path,
        *,
        roster: str | Path | None = None,
        overrides: Sequence[str] = (),
        within_s: float = _WITHIN_S,
    ) -> Rehearsed:
        """Perform a plan and return its verdict.

        Args:
            plan: a file, looked for beside the test and then in pytest's root directory, or the
                name of a plan that comes with Dress Rehearsal.
            roster: a file, looked for likewise; who acts, for a target that has its own people.
            overrides: as `--set` takes them, such as `"event.students=200"`.
            within_s: how long it may take before it is interrupted and the test fails.

        A run that decided nothing is skipped with its reason where `rehearse_inconclusive = skip`
        is configured, and else returned: it did not pass. Without a verdict (a plan that is wrong,
        an app that does not start) the test fails with the command's own sentence.
        """
        self._runs.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{Path(plan).stem}-", dir=self._runs))
        arguments = [str(self._found(plan)), "--out", str(folder)]
        if roster is not None:
            arguments += ["--roster", str(self._found(roster))]
        for override in overrides:
            arguments += ["--set", override]
        code, said = _performed(arguments, within_s)
        verdicts = list(folder.glob("*/verdict.json"))
        if not verdicts:
            pytest.fail(f"No verdict, exit code {code}: {said.strip()}", pytrace=False)
        found = _read(verdicts[0])
        if found.verdict == "inconclusive" and self._skips:
            pytest.skip(f"inconclusive: {' '.join(found.reasons)} See {found.run}.")
        return found

    def _found(self, file: str | Path) -> Path:
        candidates = (place / file for place in self._places)
        return next((path for path in candidates if path.is_file()), Path(file))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what a project may configure."""
    parser.addini(
        _INCONCLUSIVE,
        "what becomes of a test whose rehearsal decided nothing: fail or skip",
        default="fail",
    )
    parser.addini(
        _RUNS,
        "folder that keeps the run directories, from the root directory; else the test's own "
        "temporary one",
        default="",
    )


@pytest.fixture
def rehearse(request: pytest.FixtureRequest, tmp_path: Path) -> Rehearse:
    """Return what performs a plan and returns its verdict."""
    root = request.config.rootpath
    chosen = request.config.getini(_INCONCLUSIVE)
    if chosen not in ("fail", "skip"):
        raise pytest.UsageError(f"{_INCONCLUSIVE} is fail or skip, not {chosen}")
    kept = str(request.config.getini(_RUNS))
    runs = root / kept if kept else tmp_path
    return Rehearse((request.path.parent, root), runs, skips=chosen == "skip")


def _performed(arguments: Sequence[str], within_s: float) -> tuple[int, str]:
    """Run the command; return its exit code and what it said of why there is no verdict.

    It gets the environment of the tests, for a plan names variables of it; what a rehearsal has no
    use for the command leaves outside by itself.
    """
    command = [sys.executable, "-P", "-m", "dress_rehearsal.rehearsal", "run", *arguments]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            said, _ = process.communicate(timeout=within_s)
        except BaseException as stopped:  # pytest-timeout's, say: who starts one also ends it
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=_CLEARS_S)
            except subprocess.TimeoutExpired:
                process.kill()  # its guardian clears up
            if not isinstance(stopped, subprocess.TimeoutExpired):
                raise
            pytest.fail(f"The rehearsal was not over after {within_s:g} s.", pytrace=False)
    return process.returncode, said


def _read(path: Path) -> Rehearsed:
    document = json.loads(path.read_text(encoding="utf-8"))
    status = cast("Status", document["verdict"])
    return Rehearsed(status, tuple(document["reasons"]), path.parent)
