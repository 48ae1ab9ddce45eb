"""Each preset reads the exposition text of its family, written from the family's documentation."""

import json
import re
from collections.abc import Callable
from importlib import resources
from typing import Any, get_args

import pytest

from dress_rehearsal.plans.sections.metrics import Metrics, Preset
from dress_rehearsal.records import pool_presets
from dress_rehearsal.records.collectors.pool_metrics import PoolMetrics
from dress_rehearsal.records.pool_presets import read_preset
from dress_rehearsal.records.samples import Series
from tests.records.collectors.pool_texts import TEXTS
from tests.records.collectors.pool_texts.expected import Expected


def pool_series(source: PoolMetrics, text: str) -> dict[Series, float]:
    """Return what a text says of pools, without what is said of the text itself."""
    values = source._series(text)
    return {each: values[each] for each in values if "pool" in json.loads(each.labels)}


def pools_of(text: str, preset: str, name: str = "shop") -> dict[str, dict[str, float]]:
    """Return the fields of each pool that a text holds, by names as short as in a plan's map."""
    source = PoolMetrics(
        Metrics.model_validate({"name": name, "url": "http://127.0.0.1:9/m", "pools": preset}), 0
    )
    values = pool_series(source, text)
    found: dict[str, dict[str, float]] = {}
    short = {
        "db_client_connections": "used",
        "db_client_connection_max": "max",
        "db_client_connection_pending_requests": "pending",
        "db_client_connection_wait_time_seconds_sum": "wait_s",
        "db_client_connection_wait_time_seconds_count": "waits",
        "db_client_connection_use_time_seconds_sum": "hold_s",
        "db_client_connection_use_time_seconds_count": "returned",
        "db_client_connection_timeouts_total": "timeouts",
        "pool_busy_seconds_total": "busy_s",
        "pool_server_active": "active",
    }
    for each in values:
        labels: dict[str, Any] = json.loads(each.labels)
        field = short.get(each.name, f"bucket<={labels.get('le')}")
        found.setdefault(labels["pool"], {})[field] = values[each]
    return found


def test_what_a_library_shows_only_once_it_happened_is_0_until_then_of_each_pool() -> None:
    names = "db_client_connection_"
    both = "".join(
        f'{names}count{{{names}pool_name="{pool}",{names}state="used"}} 3\n' for pool in "ab"
    )
    timeouts = f'{names}timeouts_total{{{names}pool_name="b"}} 7\n'

    quiet, rough = pools_of(both, "npgsql"), pools_of(both + timeouts, "npgsql")
    assert quiet["shop.a"] == quiet["shop.b"] == {"used": 3, "pending": 0, "timeouts": 0}
    assert (rough["shop.a"]["timeouts"], rough["shop.b"]["timeouts"]) == (0, 7)
    unnamed = pools_of(both + f"{names}timeouts_total 7\n", "npgsql")
    assert "timeouts" not in unnamed["shop.a"], "whose they are is not known"
    untold = pools_of(both, "opentelemetry")
    assert "timeouts" not in untold["shop.a"], "not all that speak so count them"


def test_every_preset_is_a_file_and_every_file_a_preset_of_plans() -> None:
    files = {
        path.name.removesuffix(".toml")
        for path in resources.files(pool_presets).iterdir()
        if path.name.endswith(".toml")
    }

    assert files == set(get_args(Preset))


@pytest.mark.parametrize("name", get_args(Preset))
def test_a_preset_says_where_its_names_come_from(name: str) -> None:
    preset = read_preset(name)

    assert preset.says
    assert all(link.startswith("https://") for link in preset.documentation)


def test_every_preset_has_a_text() -> None:
    assert {each.preset for each in TEXTS} == set(get_args(Preset))


@pytest.mark.parametrize("expected", TEXTS, ids=lambda each: each.id)
def test_used_most_waiting_wait_and_timeouts_come_out_in_seconds(expected: Expected) -> None:
    assert pools_of(expected.text, expected.preset) == {
        pool: pytest.approx(fields) for pool, fields in expected.pools.items()
    }


def _with_timestamps(text: str) -> str:
    """Return a text whose samples have a time of their own, exemplars, and OpenMetrics' end."""
    lines = [
        line
        if not line or line.startswith("#") or re.search(r"[\s}]\S+\s\d{9,}", line) or " # " in line
        else f"{line} 1796000000.123" + (EXEMPLAR if "_bucket" in line else "")
        for line in text.splitlines()
    ]
    return "\n".join([*lines, "# EOF", ""])


EXEMPLAR = ' # {trace_id="4bf92f3577b34da6"} 0.067 1796000000.1'


@pytest.mark.parametrize(
    "spelled",
    [_with_timestamps, lambda text: text.replace("\n", "\r\n")],
    ids=["OpenMetrics with times and exemplars", "CRLF"],
)
@pytest.mark.parametrize("expected", TEXTS, ids=lambda each: each.id)
def test_however_a_text_is_spelled_its_numbers_are_the_same(
    expected: Expected, spelled: Callable[[str], str]
) -> None:
    assert pools_of(spelled(expected.text), expected.preset) == pools_of(
        expected.text, expected.preset
    )


@pytest.mark.parametrize("expected", TEXTS, ids=lambda each: each.id)
def test_several_instances_are_told_apart_and_each_has_its_numbers(expected: Expected) -> None:
    entry = {"name": "shop", "urls": ["http://127.0.0.1:9/m", "http://127.0.0.1:8/m"]}
    metrics = Metrics.model_validate({**entry, "pools": expected.preset})
    replicas = []
    for position in range(2):
        source = PoolMetrics(metrics, position)
        series = pool_series(source, expected.text)
        replicas.append({json.loads(each.labels)["replica"] for each in series})
        assert len(series) == sum(len(fields) for fields in expected.pools.values())
    assert replicas == [{"1"}, {"2"}]
