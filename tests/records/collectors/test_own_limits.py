"""The CPU limits of the rehearsal itself are read from its own cgroup and all that is around it."""

import json
from pathlib import Path

import pytest

from dress_rehearsal.records.collectors.cgroups import Cgroups
from dress_rehearsal.records.collectors.own_limits import OwnLimits
from dress_rehearsal.records.samples import SourceUnreadableError
from tests.records.collectors.cgroup_trees import CPU_V1, LIMITED_V2, UNIFIED, UNLIMITED_V2, Machine


def read(machine: Machine) -> dict[str, dict[str, float]]:
    """What is told of each limit, by the name of its cgroup."""
    reading = OwnLimits(Cgroups(machine.proc)).read()
    found: dict[str, dict[str, float]] = {}
    for series, value in zip(reading.series, reading.values, strict=True):
        assert series.source == "processes"
        found.setdefault(json.loads(series.labels)["cgroup"], {})[series.name] = value
    return found


THROTTLED = {
    "harness_spec_cpu_quota": 50_000,
    "harness_spec_cpu_period": 100_000,
    "harness_cpu_cfs_periods_total": 612,
    "harness_cpu_cfs_throttled_periods_total": 373,
    "harness_cpu_cfs_throttled_seconds_total": pytest.approx(29.87, rel=1e-3),
}


def test_each_limit_from_its_own_cgroup_up_is_told_with_what_it_held_back(tmp_path: Path) -> None:
    machine = Machine.unified(tmp_path)
    machine.group("user.slice", LIMITED_V2)
    machine.group("user.slice/tests", UNLIMITED_V2)
    assert read(machine) == {"user.slice": THROTTLED}
    machine.group("user.slice/tests", LIMITED_V2 | {"cpu.max": "20000 100000\n"})
    assert set(read(machine)) == {"user.slice", "tests"}


def test_in_a_container_its_tree_begins_with_its_own_cgroup(tmp_path: Path) -> None:
    inside = Machine(tmp_path / "2", UNIFIED, "0::/\n")
    inside.group("", LIMITED_V2)
    assert list(read(inside).values()) == [THROTTLED]
    mounted = "40 24 0:40 /docker/ci {folder}/cpu rw - cgroup cgroup rw,cpu\n"
    older = Machine(tmp_path / "1", mounted, "1:cpu:/docker/ci\n")
    older.group("cpu", CPU_V1)
    assert list(read(older).values()) == [THROTTLED]


def test_without_a_limit_there_is_nothing_to_tell(tmp_path: Path) -> None:
    machine = Machine.unified(tmp_path)
    machine.group("user.slice/tests", UNLIMITED_V2)
    assert read(machine) == {}


def test_what_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadableError, match="own CPU limits cannot be read"):
        read(Machine.unified(tmp_path))
