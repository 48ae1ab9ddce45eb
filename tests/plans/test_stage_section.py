"""The `[stage]` table: limits of containers, presets of clouds, and how many there are."""

import tomllib
from typing import Any

import pytest

from dress_rehearsal.plans import Plan, PlanInvalidError
from dress_rehearsal.plans.read import check_plan, plan_toml
from dress_rehearsal.plans.sections.stage import PRESETS
from dress_rehearsal.plans.types import format_size, parse_size

GIB = 2**30


def plan_with(stage: dict[str, Any], target: str = "docker", **more: Any) -> Plan:
    document = {"name": "small", "target": {"stage": target}, "stage": stage, **more}
    return check_plan(document, "small.toml")


def test_limits_are_written_with_their_units() -> None:
    limits = plan_with({"limits": {"app": {"cpus": 1, "memory": "1 GiB"}}}).stage.limits["app"]
    assert (limits.cpus, limits.memory) == (1.0, GIB)


def test_a_preset_stands_for_limits_and_stays_written() -> None:
    plan = plan_with({"limits": {"app": "t2.micro", "postgres": "t2.micro out of credits"}})
    assert (plan.stage.limits["app"].cpus, plan.stage.limits["app"].memory) == (1.0, GIB)
    assert plan.stage.limits["postgres"].cpus == 0.1
    written = plan_toml(plan)
    assert 'app = "t2.micro"' in written
    assert check_plan(tomllib.loads(written), "again.toml").stage == plan.stage


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_written(name: str) -> None:
    limits = plan_with({"limits": {"app": name}}).stage.limits["app"]
    assert limits.preset == name
    assert limits.cpus
    assert limits.memory


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        ({"limits": {"app": "t2.nano"}}, "there is no size of that name"),
        ({"limits": {"app": {}}}, "limits without cpus and memory limit nothing"),
        ({"limits": {"app": {"preset": "t2.micro"}}}, "preset is no key"),
        ({"limits": {"app": {"memory": "1"}}}, "expected a size with its unit"),
        ({"limits": {"app": {"memory": "1 MiB"}}}, "6291456"),
        ({"limits": {"app": {"cpus": 0}}}, "0.01"),
        ({"limits": {"web": {"cpus": 1}}}, "'postgres'"),
        ({"limits": {"kafka": {"cpus": 1}}}, "the stage of this plan has no kafka"),
        ({"app_containers": 3}, "cannot be shared among stage.app_containers = 3"),
    ],
)
def test_what_cannot_be_is_refused(stage: dict[str, Any], says: str) -> None:
    with pytest.raises(PlanInvalidError) as refused:
        plan_with(stage)
    assert says in str(refused.value)


@pytest.mark.parametrize("target", ["embedded"])
def test_limits_of_another_stage_are_refused(target: str) -> None:
    with pytest.raises(PlanInvalidError, match='give \\[target\\] the stage "docker"'):
        plan_with({"limits": {"app": "t2.micro"}}, target)
    with pytest.raises(PlanInvalidError, match='give \\[target\\] the stage "docker"'):
        plan_with({"ready_within": "10s"}, target)


@pytest.mark.parametrize(("written", "seconds"), [({}, 180.0), ({"ready_within": "20s"}, 20.0)])
def test_its_containers_have_a_time_to_be_ready_in(written: dict[str, Any], seconds: float) -> None:
    assert plan_with(written).stage.ready_within_s == seconds


@pytest.mark.parametrize(
    ("workers", "asked", "containers"), [(2, None, 2), (3, None, 1), (4, 4, 4), (8, None, 2)]
)
def test_containers_share_the_workers(workers: int, asked: int | None, containers: int) -> None:
    stage = {} if asked is None else {"app_containers": asked}
    plan = plan_with(stage, app={"workers": workers})
    assert plan.stage.containers(plan.app.workers) == containers


@pytest.mark.parametrize(
    ("written", "count"), [("1 GiB", GIB), ("512MiB", GIB // 2), ("1.5 kib", 1536), ("2 MB", 2e6)]
)
def test_sizes_are_read(written: str, count: float) -> None:
    assert parse_size(written) == count


def test_sizes_are_written_short_and_exact() -> None:
    assert [format_size(n) for n in (GIB, 3 * 2**20, 2**20 + 1)] == ["1 GiB", "3 MiB", "1048577 B"]
    assert parse_size(format_size(2**20 + 1)) == 2**20 + 1
