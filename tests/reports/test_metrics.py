"""A gate that names no number of the verdict is an error before the run, never a pass after it."""

import pytest

from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.read import bundled_plans, read_plan
from dress_rehearsal.reports import metrics
from dress_rehearsal.reports.directions import unit_of
from dress_rehearsal.reports.errors import MetricUnknownError
from dress_rehearsal.reports.metrics import check_metric_names, known_metrics, metric_value
from dress_rehearsal.reports.schema import Generator


def gated(metric, limit):
    return Plan.model_validate({"name": "p", "gates": [{"metric": metric, "limit": limit}]})


@pytest.mark.parametrize("path", bundled_plans(), ids=lambda path: path.stem)
def test_the_bundled_plans_name_only_known_metrics(path):
    check_metric_names(read_plan(path))


@pytest.mark.parametrize(
    ("metric", "limit"),
    [
        ("latency_ms[POST /login].p99", "<= 3s"),
        ("latency_ms[POST /login].count", ">= 10"),
        ("latency_ms[POST /events/{event}/tickets].p99_9", "<= 800ms"),
        ("census.failed", "<= 0.1%"),
        ("census.failed", "== 0"),
        ("audit.oversold", "== 0"),
        ("audit.settle_ms", "<= 2s"),
        ("audit.sold_early", "== 0"),
        ("audit.double_entry", "== 0"),
        ("fairness.inversions", "== 0"),
        ("fairness.kendall_tau", ">= 0.9"),
        ("fairness.multi_device_advantage", "<= 0.05"),
        ("pools[enrolment].timeouts", "== 0"),
        ("pools[postgres].wait_p99_ms", "<= 10ms"),
        ("pools[postgres].wait_p99_ms", "== 0"),
        ("pools[cpu].peak_used", "<= 80%"),
        ("pools[redis].saturated_at_s", ">= 2s"),
        ("generator.late_start_p99_ms", "<= 100ms"),
        ("generator.cpu_peak", "<= 0.9"),
        ("latency_ms[POST /login].good_p99", "<= 3 s"),
        ("latency_ms[POST /login].p99_high", "<= 3s"),
        ("latency_ms[POST /login].failed", "== 0"),
        ("answers[POST /login].failed", "<= 5"),
        ("answers[POST /login].failed_share", "<= 0.5%"),
        ("answers[POST /login].failed_share", "<= 0.005"),
        ("sale.granted", ">= 100"),
        ("sale.tickets_per_s", ">= 250.5"),
        ("sale.sold_out_after_s", "<= 30s"),
        ("load.busiest_second", ">= 5000"),
        ("pools[postgres].leaked", "== 0"),
        ("generator.foreign_cpu_cores", "<= 0.3"),
        ("generator.timely_share", ">= 99%"),
        ("generator.clock_step_ms", "<= 50ms"),
        ("bottleneck.since_s", ">= -1s"),
        ("pools[redis].saturated_at_s", ">= -500ms"),
        ("fairness.kendall_tau", ">= -1"),
        ("fairness.multi_device_advantage", ">= -0.1"),
    ],
)
def test_these_gates_are_understood(metric, limit):
    check_metric_names(gated(metric, limit))


@pytest.mark.parametrize(
    ("metric", "limit", "words"),
    [
        ("census.faild", "== 0", "did you mean census.failed"),
        ("latency_ms[POST /logn].p99", "<= 3s", "did you mean latency_ms[POST /login].p99"),
        ("latency_ms[POST /login].p98", "<= 3s", "latency_ms[POST /login].p9"),
        ("pools[postgre].timeouts", "== 0", "pools[postgres].timeouts"),
        ("pools[postgres].diagnosis", "== 0", "no such metric"),
        ("nonsense", "== 0", "known are census"),
        ("latency_ms[POST /login].p99", "<= 3000", 'a time: write it as in "<= 3s"'),
        ("latency_ms[POST /login].p99", "<= 3%", "a time"),
        ("census.failed", "<= 3s", "no time"),
        ("audit.oversold", "<= 1%", "no share"),
        ("fairness.inversion", "== 0", "no such metric"),
        ("latency_ms[POST /login].failed", "<= 3s", "no time"),
        ("sale.tickets_per_s", "<= 3s", "no time"),
        ("pools[cpu].timeouts", "<= 1%", "no share"),
        ("latency_ms[POST /login].p99", "<= -1 s", "a time that is never below 0"),
        ("latency_ms[POST /login].p99", "< 0s", "a time that is never below 0"),
        ("sale.sold_out_after_s", "<= -1s", "a time that is never below 0"),
        ("census.failed", "<= -1", "a number that is never below 0"),
        ("audit.oversold", ">= -3", "a number that is never below 0"),
        ("fairness.kendall_tau", ">= 1.5", "a number from -1 to 1"),
        ("fairness.multi_device_advantage", "< -1", "a number from -1 to 1"),
        ("answers[POST /login].failed_share", "<= 5", "which is 0% to 100%"),
    ],
)
def test_these_are_refused_with_a_hint(metric, limit, words):
    with pytest.raises(MetricUnknownError) as caught:
        check_metric_names(gated(metric, limit))
    assert words in str(caught.value)
    assert "gates.0" in str(caught.value)


@pytest.mark.parametrize(
    ("metric", "margins", "words"),
    [
        (
            "latency_ms[POST /login].p99",
            "< 10% and < 5",
            'a time: write the margin as in "< 50 ms"',
        ),
        ("sale.sold_out_after_s", "< 5", "a time"),
        ("sale.tickets_per_s", "< 10% and < 5 ms", "no time"),
        ("census.sold_out", "< 10%", "worse neither when it is more nor when it is less"),
        ("latency_ms[POST /login].count", "< 10%", "worse neither"),
        ("pools[postgres].saturated_at_s", "< 10%", "worse neither"),
        ("pools[postgres].max", "< 10%", "worse neither"),
    ],
)
def test_a_margin_fits_its_metric(metric, margins, words):
    gates = [{"metric": metric, "regression": margins}]
    with pytest.raises(MetricUnknownError, match=r"gates\.0\.regression") as caught:
        check_metric_names(Plan.model_validate({"name": "p", "gates": gates}))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("metric", "margins"),
    [
        ("latency_ms[POST /login].p99", "< 10% and < 50 ms"),
        ("latency_ms[POST /login].max", "< 0.5s"),
        ("sale.tickets_per_s", "< 10% and < 20"),
        ("census.failed", "< 3"),
        ("pools[redis].wait_p99_ms", "< 20% and < 5 ms"),
    ],
)
def test_these_margins_are_understood(metric, margins):
    gates = [{"metric": metric, "regression": margins}]
    check_metric_names(Plan.model_validate({"name": "p", "gates": gates}))


def test_all_wrong_gates_are_named_at_once():
    gates = [{"metric": name, "limit": "== 0"} for name in ("a.b", "census.ticket", "c.d")]
    with pytest.raises(MetricUnknownError) as caught:
        check_metric_names(Plan.model_validate({"name": "p", "gates": gates}))
    assert len(caught.value.problems) == 2


def test_every_known_metric_can_be_read_from_a_verdict(healthy_verdict):
    verdict = healthy_verdict
    numbers = [metric_value(verdict, path) for path in known_metrics()]
    assert {type(number) for number in numbers} == {int, float, type(None)}
    assert metric_value(verdict, "census.ticket") == 200


def test_reading_an_unknown_metric_is_an_error(healthy_verdict):
    with pytest.raises(MetricUnknownError, match="did you mean"):
        metric_value(healthy_verdict, "audit.oversolt")


def test_a_share_that_nothing_can_be_is_refused_with_the_plan():
    with pytest.raises(ValueError, match="between 0% and 100%"):
        gated("census.failed", "<= 150%")


def test_words_and_yes_or_no_are_no_metrics():
    fields = {path.rpartition(".")[2] for path in known_metrics()}
    assert not fields & {"name", "diagnosis", "limited", "resource", "evidence"}


def test_a_metric_is_told_in_its_unit():
    units = {
        "sale.tickets_per_s": "/s",
        "sale.sold_out_after_s": "s",
        "latency_ms[POST /login].good_p99": "ms",
        "latency_ms[POST /login].failed": "",
        "answers[POST /login].failed_share": "",
        "load.busiest_second": "",
    }
    assert {path: unit_of(path) for path in units} == units


def test_a_number_that_the_verdict_gains_can_be_gated_by_what_its_name_says(monkeypatch):
    class More(Generator):
        foreign_cpu_cores: float | None
        timely_share: float | None
        clock_step_ms: float | None
        held_up: bool
        said: str

    monkeypatch.setitem(metrics._TABLES, "generator", (More, ()))
    metrics.known_metrics.cache_clear()
    try:
        for metric, limit in (
            ("generator.foreign_cpu_cores", "<= 0.3"),
            ("generator.timely_share", ">= 99%"),
            ("generator.timely_share", ">= 0.99"),
            ("generator.clock_step_ms", "<= 50 ms"),
        ):
            check_metric_names(gated(metric, limit))
        for metric, limit in (
            ("generator.foreign_cpu_cores", "<= 30%"),
            ("generator.timely_share", ">= 99"),
            ("generator.held_up", "== 0"),
            ("generator.said", "== 0"),
        ):
            with pytest.raises(MetricUnknownError):
                check_metric_names(gated(metric, limit))
    finally:
        metrics.known_metrics.cache_clear()
