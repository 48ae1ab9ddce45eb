"""What counts and marks come to over a rehearsal's time, asked of a real Prometheus."""

from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from dress_rehearsal.dashboards.build import dashboards
from dress_rehearsal.dashboards.kit.promql import (
    by_second,
    occurred,
    of_run,
    or_absent,
    per_second,
    so_far,
)
from dress_rehearsal.dashboards.prometheus_api import Answer, PrometheusApi
from dress_rehearsal.dashboards.queries import fill, targets
from tests.dashboards.exported import RUN
from tests.dashboards.recorded import Sample, record, served

BEGAN: Final = 1_780_000_000
BORN, GONE, ENDED = BEGAN + 50, BEGAN + 100, BEGAN + 600
"""The app counts its first refusal, ends, and long after it the rehearsal does."""
STEP: Final = 10
EDGES: Final = ("0.5", "1", "2", "4", "+Inf")
REFUSED: Final = of_run("tickets_refused_total")
BACKLOG: Final = of_run("writeback_backlog")


def samples() -> Iterator[Sample]:
    """A rehearsal whose app ends long before it, so that what it said is forgotten."""
    for at in range(BEGAN, ENDED + 1, STEP):
        yield f'rehearsal_info{{run="{RUN}",job="harness"}}', 1, at
        if at <= GONE:
            sent = 10_094 if at == BEGAN + 5 * STEP else 3
            came = 412 if sent > 3 else 7
            yield f'generator_sent_last_second{{run="{RUN}",generator="g"}}', sent, at
            yield f'generator_arrivals_last_second{{run="{RUN}",generator="g"}}', came, at
        for state, text in (("", "told"), ("on", "firing")):
            labels = f'kind="alert",name="PoolLeak",state="{state}",text="{text}"'
            yield _timeline(labels), BORN, at
        yield _timeline('kind="fault",name="leak",state="on",text="on, 20%: it leaks"'), BORN, at
    for at in range(BEGAN, GONE + 1, STEP):
        since = at - BEGAN
        if at >= BORN:
            yield _of_app("tickets_refused_total", 'code="sold_out"'), since / STEP, at
        yield _of_app("tickets_refused_total", 'code="too_early"'), 0, at
        yield _of_app("writeback_backlog"), 3, at
        for slowness, name in enumerate((*"abcdefg", "read_grants")):
            for number, edge in enumerate(EDGES):
                within = since if number >= min(slowness // 2, 3) else 0
                labels = f'kind="redis",name="{name}",le="{edge}"'
                yield _of_app("boundary_duration_seconds_bucket", labels), within, at


def _of_app(metric: str, labels: str = "") -> str:
    target = f'run="{RUN}",job="app",instance="127.0.0.1:9101"'
    return f"{metric}{{{target},{labels}}}" if labels else f"{metric}{{{target}}}"


def _timeline(labels: str) -> str:
    return f'rehearsal_timeline_timestamp_seconds{{run="{RUN}",job="harness",{labels}}}'


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusApi]:
    data = tmp_path_factory.mktemp("counts") / "data"
    record(samples(), data)
    with served(data) as server:
        yield server


def ask(api: PrometheusApi, expr: str, step_s: float = STEP) -> list[Answer]:
    filled = fill(expr, run=RUN, interval_s=step_s, range_s=ENDED - BEGAN, scrape_s=STEP)
    return api.query_range(filled, BEGAN, ENDED, step_s)


def by_time(answer: Answer) -> Mapping[float, float]:
    return dict(zip(answer.times, answer.values, strict=True))


@pytest.mark.slow
def test_a_count_so_far_begins_at_zero_and_stays_when_its_process_is_gone(
    api: PrometheusApi,
) -> None:
    (answer,) = ask(api, so_far(REFUSED, "code", code="none"))
    assert answer.labels == {"code": "sold_out"}, "what was never counted is not named"
    counted = by_time(answer)
    assert len(counted) == 61
    assert [counted[at] for at in (BEGAN, BORN - STEP, BORN, GONE, ENDED)] == [0, 0, 5, 10, 10]


def test_a_count_of_all_stays_too(api: PrometheusApi) -> None:
    (answer,) = ask(api, so_far(REFUSED))
    counted = by_time(answer)
    assert [counted[at] for at in (BEGAN, BORN, ENDED)] == [0, 5, 10]


@pytest.mark.parametrize("code", ["too_early", "unheard_of"])
def test_zero_is_said_of_what_never_happened(api: PrometheusApi, code: str) -> None:
    series = of_run("tickets_refused_total", f'code="{code}"')
    (answer,) = ask(api, so_far(series, "code", code="none"))
    assert answer.labels == {"code": "none"}
    assert answer.values == (0,) * 61


def test_a_rate_is_zero_when_its_process_is_gone_and_keeps_its_name(api: PrometheusApi) -> None:
    (answer,) = ask(api, occurred(per_second(REFUSED, "code"), REFUSED, "code", code="none"))
    assert answer.labels == {"code": "sold_out"}
    rates = by_time(answer)
    assert rates[BEGAN] == rates[ENDED] == 0
    assert rates[GONE] == pytest.approx(1 / STEP)


def test_the_busiest_second_is_seen_however_far_apart_points_are(api: PrometheusApi) -> None:
    rush = of_run("generator_sent_last_second")
    for step in (STEP, 3 * STEP, 10 * STEP):
        (answer,) = ask(api, by_second(rush), step)
        assert max(answer.values) == 10_094
    last, peak = BEGAN + 9 * STEP, BEGAN + 5 * STEP
    assert last not in by_time(answer), "a second that nobody tells of any more is not zero"
    (fine,) = ask(api, by_second(rush))
    assert by_time(fine)[peak] == 10_094
    assert by_time(fine)[peak + 2 * STEP] == 3


def test_the_board_shows_a_rush_of_10_094_a_second_and_who_arrives_in_it(
    api: PrometheusApi,
) -> None:
    """A rate over 4 s showed 3,800 of them, and nobody arriving at T-0."""
    asked = {
        target.legend: target.expr
        for target in targets(dashboards()["rehearsal-open"])
        if target.panel_title == "Requests sent, students arriving"
    }
    (sent,), (arriving,) = (
        ask(api, asked[legend]) for legend in ("requests sent", "students arriving")
    )
    opened = BEGAN + 5 * STEP
    assert by_time(sent)[opened] == max(sent.values) == 10_094
    assert by_time(arriving)[opened] == max(arriving.values) == 412


def test_a_level_that_nobody_reads_any_more_is_not_zero(api: PrometheusApi) -> None:
    (answer,) = ask(api, or_absent(f"max({BACKLOG})", BACKLOG))
    assert set(answer.values) == {3}
    assert GONE <= answer.times[-1] < ENDED


def test_a_level_that_a_plan_has_not_is_zero(api: PrometheusApi) -> None:
    dead = of_run("writeback_dead_letters")
    (answer,) = ask(api, or_absent(f"max({dead})", dead))
    assert answer.values == (0,) * 61


def test_the_slowest_calls_are_few_and_the_same_all_the_time(api: PrometheusApi) -> None:
    (expr,) = [
        target.expr
        for target in targets(dashboards()["rehearsal-pools"])
        if target.panel_title == "Slowest calls over a boundary, p99"
    ]
    named = {answer.labels["name"] for answer in ask(api, expr)}
    assert named == set("cdefg"), "a call that waits on purpose is not slow"


def _marks(api: PrometheusApi, name: str) -> set[str]:
    (expr,) = [
        mark["expr"]
        for mark in dashboards()["rehearsal-open"]["annotations"]["list"]
        if mark["name"] == name
    ]
    return {answer.labels["what"] for answer in ask(api, expr)}


def test_alerts_of_the_app_are_not_those_of_prometheus(api: PrometheusApi) -> None:
    assert _marks(api, "Alerts the app sent") == {"PoolLeak told"}


def test_a_fault_s_state_is_said_once(api: PrometheusApi) -> None:
    assert _marks(api, "Faults") == {"leak on, 20%: it leaks"}
