"""The first bottleneck, live: what requests waited for longest is named, and nothing else is."""

from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from dress_rehearsal.dashboards.build import dashboards
from dress_rehearsal.dashboards.check import Window, ask
from dress_rehearsal.dashboards.prometheus_api import PrometheusApi
from dress_rehearsal.dashboards.queries import targets
from tests.dashboards.recorded import Sample, record, served

BEGAN: Final = 1_780_000_000
LENGTH_S: Final = 60
RUNS: Final[Mapping[str, Mapping[str, float]]] = {
    "healthy": {"postgres": 0.01, "redis": 0.4},
    "pool": {"postgres": 900, "redis": 40, "queue": 1},
    "locks": {"postgres": 30, "locks": 19},
    "queue": {"postgres": 30, "queue": 400},
}
"""Seconds waited for pools in all; how many waited for a lock or in the accept queue in 10 s."""

CAUSES: Final = {"locks": "Cause: waits for a lock in PostgreSQL, from T-0 on (19 waited); 1%."}


def samples() -> Iterator[Sample]:
    for run, waits in RUNS.items():
        for second in range(LENGTH_S):
            at = BEGAN + second
            rush = 20 <= second < 30
            yield f'rehearsal_info{{run="{run}"}}', 1, at
            if second >= 50 and run in CAUSES:
                yield f'rehearsal_cause{{run="{run}",cause="{CAUSES[run]}",resource="x"}}', 1, at
            for pool in ("postgres", "redis"):
                for worker in "12":
                    labels = f'run="{run}",job="app",instance="{worker}",pool="{pool}"'
                    waited = waits.get(pool, 0) / 2 if second >= 20 else 0
                    yield f"db_client_connection_wait_time_seconds_sum{{{labels}}}", waited, at
            yield f'pg_lock_waiting{{run="{run}"}}', waits.get("locks", 0) * rush, at
            queue = f'listen_queue_length{{run="{run}",port="1"}}'
            yield queue, waits.get("queue", 0) * rush, at
            foreign = f'machine_foreign_cpu_seconds_total{{run="{run}"}}'
            yield foreign, 5 + 1.7 * min(max(second - 40, 0), 3), at


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusApi]:
    data = tmp_path_factory.mktemp("waits") / "data"
    record(samples(), data)
    with served(data) as server:
        yield server


def shown(api: PrometheusApi, run: str, title: str) -> tuple[Mapping[str, str], float]:
    (target,) = [each for each in _ASKED if each.panel_title == title]
    (answer,) = ask(api, target, Window(run, BEGAN, BEGAN + LENGTH_S - 1))
    return answer.labels, answer.values[-1]


_ASKED: Final = list(targets(dashboards()["rehearsal-open"]))


@pytest.mark.parametrize(
    ("run", "what", "waited_s"),
    [
        ("pool", "postgres pool", 900),
        ("locks", "locks in PostgreSQL", 190),
        ("queue", "accept queue", 4000),
        ("healthy", "nothing", 0),
    ],
)
def test_what_was_waited_for_most_is_named(
    api: PrometheusApi, run: str, what: str, waited_s: float
) -> None:
    assert shown(api, run, "Waited for most so far") == ({"what": what}, waited_s)


@pytest.mark.parametrize(("run", "line"), [*CAUSES.items(), ("pool", "not judged yet")])
def test_the_first_bottleneck_is_the_line_of_the_report(
    api: PrometheusApi, run: str, line: str
) -> None:
    labels, _ = shown(api, run, "Cause of slowness")
    assert labels["cause"] == line


def test_others_cpu_is_the_most_of_any_second_not_of_the_whole_run(api: PrometheusApi) -> None:
    _, cpus = shown(api, "healthy", "Others' CPU, at most")
    assert cpus == pytest.approx(1.7)
