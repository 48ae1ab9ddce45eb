"""Open files, local ports and memory: how many students fit, and what makes room for the others."""

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.plan import Event
from dress_rehearsal.plans.sections.load import Load
from dress_rehearsal.rehearsal.preflight import limits
from dress_rehearsal.rehearsal.preflight.doctor import checkup, fits
from tests.rehearsal.preflight.examined import finding, plan

ELSEWHERE = {"stage": "external", "url": "http://10.1.2.3:80", "allow": ["10.1.2.3"]}


def test_too_few_open_files_is_one_sentence_with_the_command(
    roomy: dict[str, Any], tmp_path: Path
) -> None:
    roomy |= {"nofile_soft": 1024, "nofile_hard": 4096}

    assert fits(plan(12_000), tmp_path) == (
        "12,000 students do not fit this machine: open files: 1,024 (hard 4,096), "
        "needed: 16,100; `sudo prlimit --pid $$ --nofile=16100:16100` changes that, "
        "or lower event.students (1 more: run `rehearse doctor`)."
    )


def test_of_a_locust_file_fewer_users_are_not_advised_for_nothing_here_grows_with_them(
    roomy: dict[str, Any], tmp_path: Path
) -> None:
    roomy |= {"nofile_soft": 64, "nofile_hard": 64}
    load = plan().model_copy(update={"load": Load(users=5_000), "event": Event(students=0)})
    said = fits(load, tmp_path) or ""
    assert said.startswith("This machine cannot perform it: open files")
    assert "lower" not in said


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


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Writes how many connections a firewall follows, and how many it can."""
    folder = tmp_path / "netfilter"
    monkeypatch.setattr(limits, "_FOLLOWED", folder)

    def write(count: int, most: int) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "nf_conntrack_count").write_text(f"{count}\n")
        (folder / "nf_conntrack_max").write_text(f"{most}\n")

    return write


def test_a_firewall_s_table_that_the_students_fill_is_a_warning_with_the_command(
    roomy: dict[str, Any], tmp_path: Path, table: Callable[[int, int], None]
) -> None:
    table(6_000, 65_536)

    full = finding("firewall's table", checkup(plan(50_000), tmp_path))
    assert full.status == "warn"
    assert full.value == "59,536 free of 65,536 connections"
    assert full.change == "sudo sysctl -w net.netfilter.nf_conntrack_max=142000"
    assert fits(plan(50_000), tmp_path) is None

    assert finding("firewall's table", checkup(plan(12_000), tmp_path)).status == "ok"


def test_students_of_other_machines_take_no_room_in_the_firewall_s_table_of_this_one(
    roomy: dict[str, Any], tmp_path: Path, table: Callable[[int, int], None]
) -> None:
    table(6_000, 65_536)
    shared = plan(50_000, target=ELSEWHERE, generator={"processes": 1, "workers": 3})

    assert finding("firewall's table", checkup(shared, tmp_path)).needed == "16,250"


def test_without_a_firewall_that_follows_connections_there_is_no_table(
    roomy: dict[str, Any], tmp_path: Path, table: Callable[[int, int], None]
) -> None:
    assert "firewall's table" not in {each.check for each in checkup(plan(50_000), tmp_path)}
    table(0, 4_096)
    assert "firewall's table" not in {each.check for each in checkup(plan(50_000), tmp_path)}
