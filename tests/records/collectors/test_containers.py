"""Containers are read from their cgroups as they are: versions 1 and 2, nested, unlimited, gone."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dress_rehearsal.records.collectors import containers as module
from dress_rehearsal.records.collectors.containers import Containers
from dress_rehearsal.records.samples import Reading, SourceUnreadableError
from tests.records.collectors.cgroup_trees import (
    CPU_V1,
    CPUACCT_V1,
    LIMITED_V2,
    MEMORY_EVENTS,
    MEMORY_V1,
    UNLIMITED_V2,
    Machine,
)

SCOPE = "system.slice/docker-4f5e.scope"


@pytest.fixture(autouse=True)
def always_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have everything read at every look."""
    monkeypatch.setattr(module, "_SLOWLY_S", 0.0)


def told(reading: Reading, container: str) -> dict[str, float]:
    pairs = zip(reading.series, reading.values, strict=True)
    mine = f'{{"container":"{container}"}}'
    return {series.name: value for series, value in pairs if series.labels == mine}


def source(machine: Machine, *named: tuple[str, int], **components: int) -> Containers:
    return Containers(lambda: [*components.items()], lambda: [*named], (), machine.proc)


def test_version_2_says_all_there_is(tmp_path: Path) -> None:
    machine = Machine.unified(tmp_path)
    machine.process(4101, f"0::/{SCOPE}\n")
    machine.group(SCOPE, LIMITED_V2)
    values = told(source(machine, ("app-1", 4101)).read(), "app-1")
    assert values == {
        "container_cpu_usage_seconds_total": 48.211973,
        "container_cpu_user_seconds_total": 36.120402,
        "container_cpu_system_seconds_total": 12.091571,
        "container_cpu_cfs_periods_total": 612,
        "container_cpu_cfs_throttled_periods_total": 373,
        "container_cpu_cfs_throttled_seconds_total": 29.870112,
        "container_spec_cpu_quota": 50_000,
        "container_spec_cpu_period": 100_000,
        "container_memory_usage_bytes": 115_347_456,
        "container_memory_working_set_bytes": 115_347_456 - 16_777_216,
        "container_spec_memory_limit_bytes": 268_435_456,
        "container_memory_failcnt": 41,
        "container_memory_oom_total": 2,
        "container_oom_events_total": 2,
        "container_threads": 9,
        "container_threads_max": 512,
        "container_network_receive_bytes_total": 84_500,
        "container_network_receive_packets_total": 931,
        "container_network_receive_errors_total": 1,
        "container_network_receive_packets_dropped_total": 2,
        "container_network_transmit_bytes_total": 125_591,
        "container_network_transmit_packets_total": 1_320,
        "container_network_transmit_errors_total": 3,
        "container_network_transmit_packets_dropped_total": 4,
        "listen_queue_drops_total": 7,
    }


def test_version_1_says_the_same(tmp_path: Path) -> None:
    machine = Machine.hybrid(tmp_path)
    paths = {"cpu,cpuacct": CPU_V1 | CPUACCT_V1, "memory": MEMORY_V1}
    names = [*paths, "pids"]
    lines = [f"{n}:{name}:/docker/4f5e\n" for n, name in enumerate(names, 1)]
    machine.process(4101, "".join(lines) + "0::/docker/4f5e\n")
    for name, files in paths.items():
        machine.group(f"{name}/docker/4f5e", files)
    machine.group("pids/docker/4f5e", {"pids.current": "9\n", "pids.max": "512\n"})
    values = told(source(machine, ("app-1", 4101)).read(), "app-1")

    other = Machine.unified(tmp_path / "2")
    other.process(4101, f"0::/{SCOPE}\n")
    other.group(SCOPE, LIMITED_V2)
    unified = told(source(other, ("app-1", 4101)).read(), "app-1")
    same = {name: unified[name] for name in values if name in unified}
    both = {name: values[name] for name in same}
    assert both == pytest.approx(same, rel=1e-3), "ticks are coarse"
    assert unified.keys() - values.keys() == {"container_memory_oom_total"}, "version 1 has none"
    assert values.keys() - unified.keys() == {"container_memory_peak_ratio"}
    assert values["container_memory_peak_ratio"] == 0.5


def test_what_has_no_limit_has_none(tmp_path: Path) -> None:
    machine = Machine.unified(tmp_path)
    machine.process(4101, f"0::/{SCOPE}\n")
    machine.group(SCOPE, UNLIMITED_V2)
    values = told(source(machine, ("redis", 4101)).read(), "redis")
    assert not [name for name in values if name.startswith("container_spec_")]
    assert "container_threads_max" not in values
    assert values["container_cpu_cfs_throttled_periods_total"] == 0


def test_version_1_writes_no_limit_on_memory_as_the_largest_number(tmp_path: Path) -> None:
    machine = Machine.hybrid(tmp_path)
    machine.process(4101, "1:memory:/docker/4f5e\n0::/\n")
    unlimited = {"memory.limit_in_bytes": "9223372036854771712\n"}
    machine.group("memory/docker/4f5e", MEMORY_V1 | unlimited)
    values = told(source(machine, ("redis", 4101)).read(), "redis")
    assert "container_spec_memory_limit_bytes" not in values
    assert values["container_memory_usage_bytes"] > 0


def test_of_nested_limits_the_tightest_counts_and_it_is_that_one_that_throttles(
    tmp_path: Path,
) -> None:
    machine = Machine.unified(tmp_path)
    pod = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice"
    machine.process(4101, f"0::/{pod}/cri-containerd-7c.scope\n")
    machine.group("kubepods.slice", UNLIMITED_V2)
    machine.group("kubepods.slice/kubepods-burstable.slice", UNLIMITED_V2)
    machine.group(pod, LIMITED_V2)
    machine.group(f"{pod}/cri-containerd-7c.scope", UNLIMITED_V2)
    values = told(source(machine, app=4101).read(), "app-1")
    assert values["container_spec_cpu_quota"] == 50_000
    assert values["container_cpu_cfs_throttled_periods_total"] == 373, "the pod's"
    assert values["container_cpu_usage_seconds_total"] == 0.9, "the container's"
    assert values["container_spec_memory_limit_bytes"] == 268_435_456
    assert values["container_oom_events_total"] == 0, "the container's own"
    assert of_limits(source(machine, app=4101).read()) == {
        ("container_cpu_limit_info", "kubepods-burstable-pod1.slice"): 1
    }


def of_limits(reading: Reading) -> dict[tuple[str, str], float]:
    """What is told of one limit among several, by its metric and its cgroup."""
    pairs = zip(reading.series, reading.values, strict=True)
    return {
        (series.name, json.loads(series.labels)["cgroup"]): value
        for series, value in pairs
        if "cgroup" in series.labels
    }


def test_each_limit_around_a_container_tells_of_its_own_throttling(tmp_path: Path) -> None:
    machine = Machine.unified(tmp_path)
    machine.process(4101, "0::/rack/pod/one\n")
    looser = {"cpu.max": "200000 100000\n"}
    quiet = UNLIMITED_V2 | {"cpu.max": "100000 100000\n"}
    machine.group("rack", UNLIMITED_V2)
    machine.group("rack/pod", LIMITED_V2 | looser)
    machine.group("rack/pod/one", quiet)
    reading = source(machine, app=4101).read()
    own = told(reading, "app-1")
    assert own["container_spec_cpu_quota"] == 100_000
    assert own["container_cpu_cfs_throttled_seconds_total"] == 0, "its own never did"
    assert of_limits(reading) == {
        ("container_looser_spec_cpu_quota", "pod"): 200_000,
        ("container_looser_spec_cpu_period", "pod"): 100_000,
        ("container_looser_cpu_cfs_periods_total", "pod"): 612,
        ("container_looser_cpu_cfs_throttled_periods_total", "pod"): 373,
        ("container_looser_cpu_cfs_throttled_seconds_total", "pod"): 29.870112,
    }


def test_memory_that_a_limit_around_has_no_more_of_is_its_event_and_the_machines_is_none(
    tmp_path: Path,
) -> None:
    machine = Machine.unified(tmp_path)
    machine.process(4101, "0::/pod/one\n")
    none = UNLIMITED_V2["memory.events"]
    all_below = {"memory.events": MEMORY_EVENTS, "memory.events.local": none}
    machine.group("pod", LIMITED_V2 | {"memory.events": MEMORY_EVENTS.replace("oom 2", "oom 3")})
    machine.group("pod/one", UNLIMITED_V2 | all_below)
    values = told(source(machine, app=4101).read(), "app-1")
    assert (values["container_memory_oom_total"], values["container_oom_events_total"]) == (3, 2)
    killed = {"memory.events": none.replace("oom_kill 0", "oom_kill 1")}
    machine.group("pod", UNLIMITED_V2)
    machine.group("pod/one", LIMITED_V2 | killed | {"memory.events.local": none})
    values = told(source(machine, app=4101).read(), "app-1")
    assert (values["container_memory_oom_total"], values["container_oom_events_total"]) == (0, 1)


def test_a_component_is_in_a_container_where_its_cgroup_is_not_ours(tmp_path: Path) -> None:
    machine = Machine.unified(tmp_path)
    for path in ("user.slice", "user.slice/tests", SCOPE, f"{SCOPE}/init"):
        machine.group(path, UNLIMITED_V2)
    machine.process(10, "0::/user.slice/tests\n", network=1)
    machine.process(11, "0::/user.slice\n", network=1)
    machine.process(12, "0::/\n", network=1)
    machine.process(13, "0::/../elsewhere\n", network=1)  # outside our cgroup namespace
    machine.process(14, f"0::/{SCOPE}/init\n", network=1)
    ours = Containers(
        lambda: [("app", pid) for pid in (10, 11, 12, 13, 14)], list, (), machine.proc
    )
    reading = ours.read()
    assert {series.labels for series in reading.series if "cpu" in series.name} == {
        '{"container":"app-1"}'
    }
    members = [s.labels for s in reading.series if s.name == "container_process_info"]
    assert members == ['{"component":"app","container":"app-1","pid":"14"}']
    assert "listen_queue_drops_total" not in told(reading, "app-1"), "its network is the host's"


def test_processes_of_one_container_are_one_and_those_of_two_are_numbered(tmp_path: Path) -> None:
    machine = Machine.unified(tmp_path)
    for name in ("a", "b"):
        machine.group(f"docker/{name}", UNLIMITED_V2)
    for pid, name in ((20, "a"), (21, "a"), (22, "b")):
        machine.process(pid, f"0::/docker/{name}\n")
    pids = [20, 21, 22]
    both = Containers(lambda: [("app", pid) for pid in pids], list, (), machine.proc)
    members = [s.labels for s in both.read().series if s.name == "container_process_info"]
    expected = [
        '{"component":"app","container":"app-1","pid":"20"}',
        '{"component":"app","container":"app-1","pid":"21"}',
        '{"component":"app","container":"app-2","pid":"22"}',
    ]
    assert members == expected
    pids.reverse()
    again = [s.labels for s in both.read().series if s.name == "container_process_info"]
    assert sorted(again) == expected, "they keep their names"


def test_the_stages_name_counts_and_its_own_processes_are_in_it(tmp_path: Path) -> None:
    machine = Machine.unified(tmp_path)
    machine.group(SCOPE, UNLIMITED_V2)
    machine.group(f"{SCOPE}/worker", UNLIMITED_V2)
    machine.process(30, f"0::/{SCOPE}\n")
    machine.process(31, f"0::/{SCOPE}/worker\n")
    reading = source(machine, ("app-7", 30), app=31).read()
    members = [s.labels for s in reading.series if s.name == "container_process_info"]
    assert members == ['{"component":"app","container":"app-7","pid":"31"}']


def test_a_container_that_is_gone_in_mid_read_is_a_gap_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine.unified(tmp_path)
    for pid, name in ((40, "a"), (41, "b")):
        machine.group(f"docker/{name}", LIMITED_V2)
        machine.process(pid, f"0::/docker/{name}\n")
    both = source(machine, ("app-1", 40), ("app-2", 41))
    assert told(both.read(), "app-1")
    monkeypatch.setattr(module, "cpu_use", removing(machine.cgroup / "docker" / "a"))
    reading = both.read()
    assert not told(reading, "app-1")
    assert told(reading, "app-2")


def removing(folder: Path) -> Callable[..., dict[str, float]]:
    def cpu_use(cgroup: object) -> dict[str, float]:
        shutil.rmtree(folder, ignore_errors=True)
        return real(cgroup)  # type: ignore[arg-type]

    real = module.cpu_use
    return cpu_use


def test_where_nothing_of_a_container_can_be_read_the_source_says_so(tmp_path: Path) -> None:
    machine = Machine.unified(tmp_path)
    machine.process(50, f"0::/{SCOPE}\n")
    with pytest.raises(SourceUnreadableError, match="The containers cannot be read: app-1"):
        source(machine, ("app-1", 50)).read()
    (machine.proc / "50" / "cgroup").write_text("what nobody expects")
    with pytest.raises(SourceUnreadableError, match="app-1"):
        source(machine, ("app-1", 50)).read()


def test_a_process_that_has_ended_is_no_trouble(tmp_path: Path) -> None:
    machine = Machine.unified(tmp_path)
    assert not source(machine, ("app-1", 999), app=998).read().series


def test_a_container_that_is_started_again_counts_on(tmp_path: Path) -> None:
    machine = Machine.unified(tmp_path)
    machine.process(60, "0::/docker/a\n")
    machine.group("docker/a", LIMITED_V2)
    pids = {"app-1": 60}
    one = Containers(list, lambda: [*pids.items()], (), machine.proc)
    first = told(one.read(), "app-1")
    machine.group("docker/b", LIMITED_V2)  # by then as far as the one before
    machine.process(61, "0::/docker/b\n")
    pids["app-1"] = 61
    second = told(one.read(), "app-1")
    for name in ("container_cpu_usage_seconds_total", "container_oom_events_total"):
        assert second[name] == 2 * first[name]
    assert second["container_memory_usage_bytes"] == first["container_memory_usage_bytes"]
    fresh = {"cpu.stat": "usage_usec 1000000\nuser_usec 0\nsystem_usec 0\n"}
    machine.group("docker/b", fresh)  # counters that fall have begun anew
    third = told(one.read(), "app-1")
    name = "container_cpu_usage_seconds_total"
    assert third[name] == pytest.approx(second[name] + 1)


def test_a_pid_that_is_anothers_by_now_is_in_no_container(tmp_path: Path) -> None:
    machine = Machine.unified(tmp_path)
    machine.process(70, f"0::/{SCOPE}\n")
    machine.group(SCOPE, LIMITED_V2)
    one = source(machine, app=70)
    assert told(one.read(), "app-1")
    machine.process(70, "0::/user.slice/tests\n", network=1)
    assert not one.read().series


def test_a_tree_is_mounted_in_part_where_we_are_in_a_container_ourselves(tmp_path: Path) -> None:
    mounted = "40 24 0:40 /docker/ci {folder}/cpu rw - cgroup cgroup rw,cpu\n"
    machine = Machine(tmp_path, mounted, "1:cpu:/docker/ci/steps\n")
    machine.process(80, "1:cpu:/docker/ci/app\n")
    machine.process(81, "1:cpu:/docker/elsewhere\n")
    machine.group("cpu/app", CPU_V1)
    reading = source(machine, ("app-1", 80), ("app-2", 81)).read()
    assert told(reading, "app-1")["container_spec_cpu_quota"] == 50_000
    assert not told(reading, "app-2"), "what is not mounted cannot be read"
