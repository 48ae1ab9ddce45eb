"""Each table of the page writes its numbers in their own units, and says what is missing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dress_rehearsal.reports.audit import COUNTERS
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import latency_by_step
from dress_rehearsal.reports.page.tables import (
    Table,
    audit_table,
    census_table,
    certainty_table,
    fairness_table,
    gates_table,
    generator_table,
    latency_table,
    not_applicable_table,
    reconciliation_table,
    server_split_table,
)
from dress_rehearsal.reports.part import Fairness
from dress_rehearsal.reports.schema import (
    Audit,
    Census,
    GateResult,
    Generator,
    Regression,
    Status,
    Verdict,
)
from dress_rehearsal.reports.words import written
from tests.steps import BUNDLED, COUNTDOWN, JOIN, LOGIN, PAGE, PURCHASE, QR, SCAN, TICKET

EvidenceOf = Callable[..., Evidence]
VerdictOf = Callable[..., Verdict]


@pytest.fixture
def crowd(healthy_verdict: Verdict) -> Verdict:
    """The verdict on 12,000 students, of whom 12 failed."""
    census = healthy_verdict.census.model_copy(update={"students": 12_000, "failed": 12})
    return healthy_verdict.model_copy(update={"census": census})


NOBODY = dict.fromkeys(Census.model_fields, 0)


def words(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def gate(
    metric: str,
    limit: str,
    value: float | None,
    baseline: float | None = None,
    interval: tuple[float, float] | tuple[None, None] = (None, None),
) -> GateResult:
    status: Status = "inconclusive" if value is None else "pass"
    low, high = interval
    return GateResult(
        metric=metric,
        limit=limit,
        value=value,
        low=low,
        high=high,
        baseline=baseline,
        status=status,
    )


@pytest.mark.parametrize(
    ("metric", "limit", "value", "shown"),
    [
        ("census.failed", "<= 0.1%", 12, "12 of 12,000 students (0.1%)"),
        ("census.failed", "== 0", 12, "12"),
        ("pools[cpu].peak_used", "<= 90%", 0.875, "87.5%"),
        ("latency_ms[POST /login].p99", "<= 2s", 1530.0, "1,530 ms"),
        ("bottleneck.since_s", ">= 2s", 1.5, "1.5 s"),
        ("pools[postgres].hold_mean_ms", "<= 50ms", 0.42, "0.42 ms"),
        ("audit.settle_ms", "<= 1s", None, "not measured"),
    ],
)
def test_a_gates_number_is_in_the_unit_of_its_limit(
    crowd: Verdict, metric: str, limit: str, value: float | None, shown: str
) -> None:
    table = gates_table([gate(metric, limit, value)], crowd)
    status = "inconclusive" if value is None else "pass"
    assert [row[:4] for row in words(table)] == [[metric, status, limit, shown]]


@pytest.mark.parametrize(
    ("metric", "limit", "value", "margin"),
    [
        ("latency_ms[POST /login].p99", "<= 2s", 500.0, "75% under the limit"),
        ("latency_ms[POST /login].p99", "<= 2s", 2500.0, "25% over the limit"),
        ("latency_ms[POST /login].p99", "<= 2s", 2000.0, "exactly at the limit"),
        ("sale.tickets_per_s", ">= 100", 150.0, "50% over the limit"),
        ("sale.tickets_per_s", ">= 100", 1250.0, "12.5 × the limit"),
        ("census.failed", "<= 1%", 12, "90% under the limit"),
        ("audit.oversold", "== 0", 3, "—"),
        ("latency_ms[POST /login].p99", "<= 2s", None, "—"),
    ],
)
def test_a_margin_is_a_share_of_the_limit(
    crowd: Verdict, metric: str, limit: str, value: float | None, margin: str
) -> None:
    (row,) = words(gates_table([gate(metric, limit, value)], crowd))
    assert row[4] == margin


def test_a_baseline_is_shown_only_where_there_is_one(crowd: Verdict) -> None:
    plain = gates_table([gate("census.failed", "== 0", 0)], crowd)
    compared = gates_table(
        [gate("census.failed", "== 0", 0, baseline=3), gate("census.unknown", "== 0", 0)], crowd
    )
    assert "Baseline" not in dict(plain.columns)
    assert "Baseline" in dict(compared.columns)
    assert [row[-1] for row in words(compared)] == ["3", "not measured"]
    assert all(len(row) == len(compared.columns) for row in compared.rows)


def test_a_lower_bound_of_before_or_left_to_a_comparison_says_so(crowd: Verdict) -> None:
    bound = gate("census.failed", "== 0", 0, baseline=3)
    bound = bound.model_copy(update={"baseline_at_least": True})
    left = Regression(metric="load.failed", margins="< 10%", value=7, given_up=0.5)
    known = Regression(metric="load.failed", margins="< 10%", value=7)
    table = words(gates_table([bound], crowd, [left, known]))
    assert [row[-1] for row in table] == ["at least 3", "not measured", "not measured"]
    assert [row[3] for row in table[1:]] == ["at least 7", "7"]


def test_fairness_is_left_out_until_somebody_measures_it() -> None:
    unmeasured = Fairness(**dict.fromkeys(Fairness.model_fields))
    assert fairness_table(unmeasured) is None
    table = fairness_table(
        unmeasured.model_copy(update={"inversions": 3, "overtaken": 5, "kendall_tau": 0.98})
    )
    assert table is not None
    missing = "not measured"
    assert [row[1] for row in words(table)] == ["3", "5", missing, missing, "0.98", missing]


def test_a_census_that_does_not_add_up_says_so() -> None:
    right = census_table(Census(**{**NOBODY, "students": 10, "ticket": 4, "sold_out": 6}))
    wrong = census_table(Census(**{**NOBODY, "students": 10, "ticket": 4}))
    assert right.foot[3].text == "adds up to every student: the plan has 10"
    assert wrong.foot[3].text == "does not add up: the plan has 10"
    assert wrong.foot[3].tone == "found"
    assert census_table(Census(**NOBODY)).rows[0][2].text == "—"


def test_an_audit_counter_nobody_could_read_is_not_zero() -> None:
    audit = Audit(**dict.fromkeys(Audit.model_fields))
    states = {row[-1].text for row in audit_table(audit, {}).rows[:-1]}
    assert states == {"not measured"}
    assert audit_table(audit, {}).rows[-1][1].text == "not measured"


def test_a_counter_of_what_a_rush_did_not_have_does_not_apply() -> None:
    audit = Audit(**dict.fromkeys(Audit.model_fields))
    reasons = dict.fromkeys(COUNTERS, "there is no ledger")
    table = not_applicable_table(reasons)
    assert table is not None
    assert {row[-1].text for row in table.rows} == {"there is no ledger"}
    assert len(table.rows) == len(COUNTERS)
    assert [row[0].text for row in audit_table(audit, reasons).rows] == ["Settle time"]
    assert audit_table(audit, reasons, settles=False).rows == [], "nothing is written back there"
    assert not_applicable_table({}) is None


def test_a_late_generator_stands_beside_what_the_plan_allows(healthy: Evidence) -> None:
    generator = Generator(
        requests=5,
        late_start_p99_ms=1200.0,
        read_lag_p99_ms=None,
        release_skew_ms=None,
        released=10_000,
        timely=9_712,
        timely_share=0.9712,
        cpu_peak=None,
        foreign_cpu_cores=0.02,
        clock_step_ms=None,
        limited=True,
    )
    rows = {row[0]: row[1:] for row in words(generator_table(generator, healthy))}
    assert rows["Late start of all requests of the run, p99"] == [
        "1,200 ms",
        "1,000 ms",
        "too late",
    ]
    assert rows["Release skew of the same clicks, p99"][0] == "not measured"
    clicks = "Clicks to buy around T-0, sent within 100ms of their time"
    assert rows[clicks] == ["9,712 of 10,000 (97.1%)", "99%", "too few"]
    few = generator.model_copy(update={"released": 12_000, "timely": 11_875})
    said = {row[0]: row[1:] for row in words(generator_table(few, healthy))}[clicks]
    assert said == ["11,875 of 12,000 (98.95%)", "99%", "too few"], "never rounded up to enough"
    assert rows["Other programs' CPU around T-0, up to"][:2] == ["0.02 cores", "0.3 cores"]
    assert rows["A clock's largest step"][0] == "not measured"
    assert rows["Read lag of all answers of the run, p99"][0] == "not measured"
    assert rows["CPU at its peak"][0] == "not measured"
    why = "by the clicks at T-0, of which too few were sent in time"
    assert rows["Limited the measurement"] == ["yes", "—", why]
    timely = generator.model_copy(update={"timely": 9_999})
    for limited in (True, False):  # by a loop that stood still, say; or not at all
        own = timely.model_copy(update={"limited": limited})
        assert words(generator_table(own, healthy))[-1][-1] == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("defects", "state"),
    [
        ({}, "ok"),
        (
            {"foreign_cores": 24.0, "spare": True},
            "harmless: a processor was free whenever they did",
        ),
        ({"foreign_cores": 1.7}, "too much"),
        (
            {"foreign_cores": 2.1, "plan": {"generator": {"max_foreign_cpu": 2.0}}},
            "the plan lets them take all",
        ),
    ],
)
def test_others_took_too_much_only_where_no_processor_was_left(
    evidence_of: EvidenceOf, verdict_of: VerdictOf, defects: dict[str, Any], state: str
) -> None:
    small = {"students": 200, "tickets": 60, **defects}
    evidence = evidence_of(**small)
    evidence = replace(evidence, environment={**evidence.environment, "cores": 2})
    table = generator_table(verdict_of(**small).generator, evidence)
    rows = {row[0]: row[1:] for row in words(table)}
    assert rows["Other programs' CPU around T-0, up to"][-1] == state


def test_the_servers_own_times_keep_the_order_of_the_journey(healthy: Evidence) -> None:
    table = server_split_table(healthy)
    assert table is not None
    steps = [row[0] for row in words(table)]
    assert steps.index("POST /login") < steps.index("POST /events/{event}/tickets")
    assert all(" / " in row[-1] for row in words(table))
    heads = [head for head, _ in table.columns]
    assert heads[1] == "Waiting for a worker, p50 / p99"
    assert heads[-1] == "All the time in the app, p50 / p99"
    assert not any("_" in head for head in heads)
    assert server_split_table(replace(healthy, requests=healthy.requests.head(0))) is None


def test_a_saturation_that_never_began_is_not_called_unmeasured(crowd: Verdict) -> None:
    unmeasured = gate("pools[redis].saturated_at_s", ">= 1s", None)
    never = unmeasured.model_copy(update={"status": "pass"})
    table = gates_table([unmeasured, never], crowd)
    assert [row[3:] for row in words(table)] == [["not measured", "—"], ["never", "—"]]


def test_steps_of_a_room_or_a_gate_that_is_not_there_are_left_out(
    healthy: Evidence, evidence_of: Callable[..., Evidence]
) -> None:
    def steps(evidence: Evidence) -> set[str]:
        tables = (
            latency_table(latency_by_step(evidence.latency, evidence.plan.seed, BUNDLED), evidence),
            reconciliation_table(evidence.server_counts, evidence.steps),
        )
        (first, second) = ({row[0].text for row in table.rows} for table in tables)
        assert first == second
        return first

    assert steps(healthy) == {PAGE, COUNTDOWN, LOGIN, PURCHASE, TICKET, QR}
    room = {"app": {"waiting_room": "poll"}}
    assert steps(evidence_of(visitors=3, plan=room)) - steps(healthy) == {JOIN, SCAN}


def test_the_p99_of_good_answers_stands_beside_that_of_all_only_where_some_failed(
    evidence_of: Callable[..., Evidence],
) -> None:
    def of(**defects: int) -> tuple[list[str], dict[str, list[str]]]:
        evidence = evidence_of(students=200, tickets=60, **defects)
        table = certainty_table(latency_by_step(evidence.latency, evidence.plan.seed, BUNDLED))
        assert {len(row) for row in table.rows} == {len(table.columns)}
        return [title for title, _ in table.columns], {row[0]: row for row in words(table)}

    fine, _ = of()
    failing, rows = of(failed=3)
    assert fine == ["Step", "p99", "95% interval"]
    assert failing == [*fine, "Not answered well", "p99 of good answers"]
    assert rows[PURCHASE][3].startswith("3 (")
    assert rows[PURCHASE][4].endswith(" (few)")
    assert JOIN not in rows


def test_a_percentile_of_few_requests_says_so(healthy: Evidence) -> None:
    latency = latency_by_step(healthy.latency, healthy.plan.seed, BUNDLED)[PAGE]
    few, many = (latency.model_copy(update={"count": count}) for count in (499, 50_000))
    titles = [title for title, _ in latency_table({PAGE: few}, healthy).columns]
    (row,), (other,) = (words(latency_table({PAGE: each}, healthy)) for each in (few, many))
    assert row[titles.index("p99")].endswith(" (few)")
    assert row[titles.index("p99.9")].endswith(" (few)")
    assert not row[titles.index("Max")].endswith(" (few)")
    assert "few" not in " ".join(other)
    interval = f"{written(latency.p99_low)} to {written(latency.p99_high)}"
    assert words(certainty_table({PAGE: few}))[0][2] == interval


def test_a_gate_s_number_tells_how_sure_it_is(crowd: Verdict) -> None:
    metric = "latency_ms[POST /login].p99"
    sure = gate(metric, "<= 2s", 1530.0, interval=(1400.0, 1700.0))

    def shown(count: int) -> str:
        login = crowd.latency_ms[LOGIN].model_copy(update={"count": count})
        measured = crowd.model_copy(update={"latency_ms": {LOGIN: login}})
        return words(gates_table([sure], measured))[0][3]

    assert shown(5_000) == "1,530 ms (95% interval within this run 1,400 ms to 1,700 ms)"
    assert shown(292) == (
        "1,530 ms (95% interval within this run 1,400 ms to 1,700 ms; too few: 292 requests)"
    )
