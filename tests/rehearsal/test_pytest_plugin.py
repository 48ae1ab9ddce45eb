"""The fixture `rehearse`: a verdict becomes a test's, and nobody's other tests notice."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dress_rehearsal.rehearsal import pytest_plugin
from dress_rehearsal.rehearsal.pytest_plugin import Rehearse
from tests.short_rehearsal import UNHURRIED

Performing = Callable[..., Rehearse]


def decided(verdict: str, *reasons: str) -> Callable[[Sequence[str], float], tuple[int, str]]:
    """Return what stands for a rehearsal with that verdict."""

    def performed(arguments: Sequence[str], _within_s: float) -> tuple[int, str]:
        run = Path(arguments[arguments.index("--out") + 1]) / "20261201T100000Z-shop"
        run.mkdir()
        document = {"verdict": verdict, "reasons": reasons, "arguments": arguments}
        (run / "verdict.json").write_text(json.dumps(document))
        return 0, ""

    return performed


@pytest.fixture
def performing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Performing:
    """Return what makes a fixture whose rehearsals end as it is told."""

    def made(performed: object, *, skips: bool = False) -> Rehearse:
        monkeypatch.setattr(pytest_plugin, "_performed", performed)
        return Rehearse((Path(__file__).parent,), tmp_path / "runs", skips=skips)

    return made


OTHERS = ("cacheprovider", "xdist", "schemathesis", "faker", "locust", "valkey")
"""Plugins that have no part in it, some of which take long to load."""


def in_a_fresh_pytest(folder: Path, test: str, ini: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "test_shop.py").write_text(test)
    (folder / "pytest.ini").write_text(f"[pytest]\n{ini}")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-rs"]
        + [word for name in OTHERS for word in ("-p", f"no:{name}")],
        cwd=folder,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )


def test_whatever_ends_the_test_ends_its_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []

    class Command(subprocess.Popen[str]):
        def communicate(self, *args: object, **kwargs: object) -> tuple[str, str]:
            if not told:
                pytest.fail("pytest-timeout says so")
            return super().communicate(*args, **kwargs)  # type: ignore[arg-type]

        def send_signal(self, sig: int) -> None:
            told.append(sig)
            super().send_signal(sig)

    monkeypatch.setattr(subprocess, "Popen", Command)
    with pytest.raises(pytest.fail.Exception, match="pytest-timeout says so"):
        pytest_plugin._performed(["smoke"], 60)
    assert told == [signal.SIGINT]


@pytest.mark.parametrize("verdict", ["pass", "fail", "inconclusive"])
def test_only_a_pass_has_passed(performing: Performing, verdict: str) -> None:
    rehearsed = performing(decided(verdict, "Because."))("plan.toml")
    assert rehearsed.passed == (verdict == "pass")
    assert (rehearsed.verdict, rehearsed.reasons) == (verdict, ("Because.",))
    assert (rehearsed.run / "verdict.json").is_file()


def test_what_decided_nothing_is_skipped_where_that_is_configured(performing: Performing) -> None:
    rehearse = performing(decided("inconclusive", "Too busy."), skips=True)
    with pytest.raises(pytest.skip.Exception, match=r"inconclusive: Too busy\. See "):
        rehearse("plan.toml")


def test_a_failure_is_never_skipped(performing: Performing) -> None:
    rehearse = performing(decided("fail", "Oversold."), skips=True)
    assert not rehearse("plan.toml").passed


def test_without_a_verdict_the_test_fails_with_the_commands_sentence(
    performing: Performing,
) -> None:
    rehearse = performing(lambda _arguments, _within_s: (2, "The plan is wrong.\n"))
    with pytest.raises(pytest.fail.Exception, match=r"^No verdict, exit code 2: The plan is wrong"):
        rehearse("plan.toml")


def test_files_are_found_beside_the_test_and_overrides_are_handed_on(
    performing: Performing,
) -> None:
    rehearsed = performing(decided("pass"))(
        Path(__file__).name, roster=Path(__file__).name, overrides=["seed=1", "event.students=9"]
    )
    arguments = json.loads((rehearsed.run / "verdict.json").read_text())["arguments"]
    assert arguments[0] == __file__
    assert arguments[3:] == ["--roster", __file__, "--set", "seed=1", "--set", "event.students=9"]


def test_a_bundled_plan_is_named_as_it_is(performing: Performing) -> None:
    rehearsed = performing(decided("pass"))("smoke")
    assert json.loads((rehearsed.run / "verdict.json").read_text())["arguments"][0] == "smoke"


@pytest.mark.slow
def test_other_peoples_pytest_loads_nothing_of_it(tmp_path: Path) -> None:
    ours = "sorted(name for name in sys.modules if name.startswith('dress_rehearsal'))"
    ended = in_a_fresh_pytest(
        tmp_path,
        f"import sys\n\ndef test_loaded():\n    assert {ours} == [\n"
        "        'dress_rehearsal', 'dress_rehearsal.rehearsal',\n"
        "        'dress_rehearsal.rehearsal.pytest_plugin',\n    ]\n",
        "filterwarnings = error\naddopts = --strict-config --strict-markers\n",
    )
    assert ended.returncode == 0, ended.stdout


@pytest.mark.slow
def test_a_plan_that_is_wrong_is_a_failed_test_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text('name = "shop"\n[event]\nstudents = "many"\n')
    ended = in_a_fresh_pytest(
        tmp_path, 'def test_capacity(rehearse):\n    assert rehearse("plan.toml").passed\n'
    )
    assert ended.returncode == 1
    assert "No verdict, exit code 2: " in ended.stdout
    assert "event.students" in ended.stdout


@pytest.mark.slow
def test_an_unknown_choice_is_refused(tmp_path: Path) -> None:
    ended = in_a_fresh_pytest(
        tmp_path, "def test_capacity(rehearse):\n    pass\n", "rehearse_inconclusive = hope\n"
    )
    assert ended.returncode != 0
    assert "rehearse_inconclusive is fail or skip, not hope" in ended.stdout


@pytest.mark.long
@pytest.mark.rehearsal
def test_a_rehearsal_is_a_test(tmp_path: Path) -> None:
    ended = in_a_fresh_pytest(
        tmp_path,
        "def test_capacity(rehearse):\n"
        f'    found = rehearse("smoke", overrides={[*UNHURRIED]!r})\n'
        "    assert (found.run / 'report.html').is_file()\n"
        "    assert found.passed\n",
        "rehearse_inconclusive = skip\nrehearse_runs = runs\n",
    )
    assert ended.returncode == 0, ended.stdout
    assert "1 passed" in ended.stdout or "inconclusive: " in ended.stdout
    assert len(list(tmp_path.glob("runs/smoke-*/*/junit.xml"))) == 1
