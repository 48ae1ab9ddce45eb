"""`[[metrics]]`: what may be asked, and under which names."""

import tomllib
from typing import Any

import pytest

from dress_rehearsal.plans import Plan, PlanInvalidError, plan_toml
from dress_rehearsal.plans.read import check_plan
from dress_rehearsal.plans.sections.metrics import PoolNames

URL = "http://127.0.0.1:8080/actuator/prometheus"


def plan(*metrics: dict[str, Any], **more: Any) -> Plan:
    return check_plan({"name": "shop", "metrics": list(metrics), **more}, "plan.toml")


def refused(*metrics: dict[str, Any], **more: Any) -> str:
    with pytest.raises(PlanInvalidError) as found:
        plan(*metrics, **more)
    return str(found.value)


def entry(**changed: Any) -> dict[str, Any]:
    return {"name": "shop", "url": URL, "pools": "hikaricp"} | changed


def test_a_preset_several_and_a_map_are_kept_through_the_resolved_plan() -> None:
    names = {"used": 'pool{state="used"}', "max": "size - idle", "name_label": "pool"}
    first = plan(
        entry(),
        entry(name="both", pools=["hikaricp", "lettuce"]),
        entry(name="own", pools=names),
    )

    assert [each.presets for each in first.metrics] == [("hikaricp",), ("hikaricp", "lettuce"), ()]
    own = first.metrics[2].pools
    assert isinstance(own, PoolNames)
    assert (own.used, own.max) == (('pool{state="used"}',), ("size - idle",))
    assert check_plan(tomllib.loads(plan_toml(first)), "plan.toml") == first


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        pytest.param({"url": "http://shop.example/m"}, "target.allow does not", id="a host"),
        pytest.param(
            {"url": "http://u:hunter2@127.0.0.1/m"}, "user name or password", id="a login"
        ),
        pytest.param({"url": "ftp://127.0.0.1/m"}, "http:// or https://", id="a scheme"),
        pytest.param({"url": "http://127.0.0.1:99999/m"}, "must have a port", id="a port"),
        pytest.param({"url": "http://127.0.0.1/a b"}, "holds spaces", id="a space"),
        pytest.param({"name": "postgres"}, "that name is taken", id="a source of our own"),
        pytest.param({"name": "My Shop"}, "name", id="a name"),
        pytest.param({"pools": "hikari"}, "expected 'cadvisor'", id="no such preset"),
        pytest.param({"pools": []}, "names no preset", id="no preset"),
        pytest.param({"pools": {"max": "a"}}, "needs one of used", id="only a limit"),
        pytest.param({"pools": {"used": "a b"}}, "expected a metric such as", id="no metric"),
        pytest.param(
            {"pools": {"used": "a", "wait_sum": "b"}}, "belong together", id="a sum without a count"
        ),
        pytest.param({"urls": [URL]}, "give url, or urls", id="both"),
        pytest.param({"bearer_env": "eyJhbGciOi"}, "bearer_env", id="a token in place of its name"),
    ],
)
def test_what_cannot_be_asked_or_read_is_refused(changed: dict[str, Any], why: str) -> None:
    said = refused(entry(**changed))

    assert why in said
    assert "hunter2" not in said and "eyJhbGciOi" not in said


def test_a_host_that_the_plan_allows_may_be_asked_over_https() -> None:
    target = {"stage": "external", "url": "http://shop.example", "allow": ["shop.example"]}

    assert plan(entry(url="https://shop.example:9443/m"), target=target).metrics


def test_two_entries_of_one_name_are_refused() -> None:
    assert "is that of another" in refused(entry(), entry())
