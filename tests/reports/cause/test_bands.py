"""Where the slowest 1% spent their time, and the slowest requests of the run."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.plans.sections.load import Load
from dress_rehearsal.records.requests.trace_ids import TraceIds
from dress_rehearsal.reports.cause.bands import MOST, requests_asked, slowest_requests
from dress_rehearsal.reports.cause.bottleneck import _certainty
from dress_rehearsal.reports.evidence.latency import PARTS
from dress_rehearsal.reports.figures.slowest import draw_slowest
from dress_rehearsal.reports.page.log_lines import LogLines
from dress_rehearsal.reports.page.slow_requests import slow_lists
from dress_rehearsal.reports.page.tables.slowest import parts_tables
from dress_rehearsal.reports.verdict import judge
from tests.reports.cause.altered_runs import SECOND, measured
from tests.steps import PURCHASE


def bands(verdict, step=PURCHASE):
    return {band.band: band for band in verdict.bands if band.step == step}


@pytest.mark.slow
def test_the_parts_of_each_band_add_up_to_what_its_requests_took(verdict_of):
    for verdict in (verdict_of(), verdict_of(pool_exhausted=True)):
        found = bands(verdict)
        assert list(found) == ["slowest 1%", "slowest 10%", "all"]
        for band in found.values():
            if band.parts:
                # Parts of less than 0.05 ms are left out.
                assert sum(band.parts.values()) == pytest.approx(band.felt_ms, abs=1.5)
        slow, tenth, every = (band.felt_ms for band in found.values())
        assert slow > tenth > every


@pytest.mark.slow
def test_a_pool_that_was_waited_for_is_where_the_slowest_were(verdict_of):
    parts = bands(verdict_of(pool_exhausted=True, wait_ms=800))["slowest 1%"].parts
    assert max(parts, key=parts.get) == "postgres"
    healthy = bands(verdict_of())["slowest 1%"].parts
    assert healthy.get("postgres", 0.0) < 1.0


def test_of_few_requests_there_is_no_mean(verdict_of):
    verdict = verdict_of(students=200, tickets=60)
    slow = bands(verdict)["slowest 1%"]
    assert slow.requests < 5
    assert (slow.felt_ms, slow.parts) == (None, {})
    assert bands(verdict)["all"].parts


def test_the_slowest_requests_can_be_asked_for_in_a_log(verdict_of, evidence_of):
    evidence, verdict = evidence_of(pool_exhausted=True), verdict_of(pool_exhausted=True)
    buying = evidence.requests["step"] == PURCHASE
    felt, system = evidence.latency["felt_ms"], evidence.latency["system_ms"]
    assert len(verdict.slowest) == 2 * MOST
    for own, which in (
        (verdict.slowest[:MOST], buying),
        (verdict.slowest[MOST:], ~buying),
    ):
        assert {each.step == PURCHASE for each in own} == {bool(which[buying].all())}
        longest = system[which].nlargest(MOST).index
        assert [each.felt_ms for each in own] == [round(float(felt[row]), 3) for row in longest]
    first = verdict.slowest[0]
    row = evidence.requests.loc[system[buying].idxmax()]
    ids = TraceIds(evidence.run)
    assert first.trace == ids.trace_id(int(row["student"]), int(row["seq"]))
    assert sum(first.parts.values()) == pytest.approx(first.felt_ms, abs=1.5)
    assert "postgres" in first.parts


def test_whom_a_late_generator_kept_waiting_was_not_served_the_slowest(evidence_of):
    """A request left 3 s after it was meant to, and was answered faster than all others."""
    evidence = evidence_of()
    rows = evidence.requests
    late = evidence.latency["system_ms"][(rows["step"] == PURCHASE) & (rows["status"] > 0)].idxmin()
    meant_ns = rows["intended_ns"].copy()
    meant_ns.loc[late] -= 3_000_000_000
    verdict = judge(dataclasses.replace(evidence, requests=rows.assign(intended_ns=meant_ns)))
    assert verdict.latency_ms[PURCHASE].max > 3000
    assert all(each.felt_ms < 3000 for each in verdict.slowest[:MOST])


def slower(evidence, role, by_ms):
    """The same run in which every answer of one kind of step came so much later."""
    requests = evidence.requests
    mine = (requests["role"] == role).astype("int64")
    later = {
        name: requests[name] + by_ms * 1_000_000 * mine
        for name in ("first_byte_ns", "done_ns", "read_ns")
    }
    return dataclasses.replace(evidence, requests=requests.assign(**later))


def test_however_slow_other_steps_are_the_slowest_purchases_stand_first(evidence_of):
    """At T-0 hundreds of logins are slower than any purchase."""
    evidence = slower(evidence_of(), "login", 5000)
    verdict = judge(evidence)
    bought = verdict.slowest[:MOST]
    assert {each.step for each in bought} == {PURCHASE}
    assert bought[0].felt_ms == verdict.latency_ms[PURCHASE].max
    assert verdict.slowest[MOST].felt_ms > 5000 > bought[0].felt_ms
    purchases, others = slow_lists(evidence, verdict, LogLines({}))
    counts = {step: own.count for step, own in verdict.latency_ms.items()}
    every = counts.pop(PURCHASE)
    assert purchases.heading == f"The slowest 20 of {every:,} requests to buy"
    assert others.heading == f"The slowest 20 of {sum(counts.values()):,} other requests"
    assert [len(own.requests) for own in (purchases, others)] == [MOST, MOST]


def test_where_all_are_listed_none_is_called_the_slowest(evidence_of):
    evidence = evidence_of(students=200, tickets=60)
    few = np.flatnonzero(evidence.requests["step"] == PURCHASE)[:3]
    kept = np.append(np.flatnonzero(evidence.requests["step"] != PURCHASE), few)
    scarce = dataclasses.replace(
        evidence, requests=evidence.requests.iloc[np.sort(kept)].reset_index(drop=True)
    )
    purchases, _ = slow_lists(scarce, judge(scarce), LogLines({}))
    assert purchases.heading == "All 3 requests to buy"
    none = dataclasses.replace(scarce, requests=scarce.requests[scarce.requests["role"] == "page"])
    (others,) = slow_lists(none, judge(none), LogLines({}))
    assert others.heading.endswith("other requests")


def test_what_a_student_needed_no_more_is_not_among_the_slowest(evidence_of):
    evidence = evidence_of()
    requests, worst = evidence.requests.copy(), evidence.latency["felt_ms"].idxmax()
    for name in ("outcome", "error"):
        requests[name] = requests[name].astype("object")
    requests.loc[worst, ["outcome", "error"]] = ["unknown", "abandoned"]
    asked = requests_asked(dataclasses.replace(evidence, requests=requests))
    assert not asked.buying[worst] | asked.others[worst]
    before = requests_asked(evidence)
    assert before.buying[worst] | before.others[worst]


def test_what_is_not_known_is_left_empty(healthy):
    untimed = slowest_requests(healthy, None)
    assert len(untimed) == 2 * MOST
    assert all(each.parts == {} for each in untimed)
    nothing = dataclasses.replace(healthy, requests=healthy.requests.head(0))
    verdict = judge(nothing)
    assert (verdict.bands, verdict.slowest) == ((), ())


def test_a_run_whose_folder_was_renamed_keeps_its_trace_ids(evidence_of):
    evidence = evidence_of(students=200, tickets=60)
    performed = dataclasses.replace(evidence, environment={**evidence.environment, "run": "then"})
    renamed = dataclasses.replace(performed, run="now")
    took = evidence.latency["system_ms"][evidence.requests["step"] == PURCHASE]
    row = evidence.requests.loc[took.idxmax()]
    trace = TraceIds("then").trace_id(int(row["student"]), int(row["seq"]))
    assert judge(renamed).slowest[0].trace == trace


def never_answered(evidence):
    """The same run in which no purchase was answered, while all of them waited for Redis' pool."""
    requests = evidence.requests.copy()
    mine = requests["step"] == PURCHASE
    requests["outcome"] = requests["outcome"].astype("object").mask(mine, "unknown")
    requests["error"] = requests["error"].astype("object").mask(mine, "timeout")
    requests["status"] = requests["status"].mask(mine, 0)
    requests["done_ns"] = requests["done_ns"].mask(mine, requests["intended_ns"] + 10 * SECOND)
    for part in PARTS:
        requests[f"{part}_us"] = requests[f"{part}_us"].mask(mine)
    waiting = measured(evidence, "db_client_connection_pending_requests", 500, pool="redis")
    busy = measured(waiting, "app_event_loop_lag_seconds", 0.5)
    asked = measured(busy, "http_server_active_requests", 500)
    return dataclasses.replace(asked, requests=requests)


@pytest.mark.slow
def test_what_was_never_answered_is_estimated_and_a_wait_for_a_pool_stays_the_pools(evidence_of):
    evidence = never_answered(evidence_of())
    verdict = judge(evidence)
    slow = bands(verdict)["slowest 1%"]
    assert slow.estimated == slow.requests
    assert max(slow.parts, key=slow.parts.get) == "redis"
    assert "redis" in verdict.estimated
    assert "generator" not in verdict.estimated
    assert verdict.slowest[0].estimated
    drawn = draw_slowest(verdict.bands)
    assert f"{slow.requests} of {slow.requests} had no answer" in drawn.title
    assert "% of it was" not in drawn.title
    table = parts_tables(verdict)[0]
    assert "had no answer" in table.caption
    assert [row[-1].text for row in table.rows if row[0].text == "The Redis pool"] == ["estimated"]
    line = slow_lists(evidence, verdict, LogLines({}))[0].requests[0]
    assert line.mostly == "given up before an answer came, so where its time went is not known"


def test_where_answers_say_where_time_went_nothing_is_called_estimated(evidence_of):
    verdict = judge(evidence_of())
    assert verdict.estimated == ()
    assert all(band.estimated == 0 for band in verdict.bands)
    assert "% of it was" in draw_slowest(verdict.bands).title
    assert "no answer" not in parts_tables(verdict)[0].caption
    assert not any(each.estimated for each in verdict.slowest)


def test_the_target_took_nothing_of_what_never_left(evidence_of):
    evidence = evidence_of(pool_exhausted=True)
    rows = evidence.requests.copy()
    kept = rows.index[(rows["step"] == PURCHASE).to_numpy(dtype=bool)][:25]
    rows.loc[kept, ["sent_ns", "first_byte_ns", "read_ns"]] = None
    rows.loc[kept, "status"] = 0
    rows.loc[kept, "done_ns"] = rows.loc[kept, "intended_ns"] + 20 * SECOND
    rows["outcome"] = rows["outcome"].cat.add_categories(["failed"])
    rows.loc[kept, "outcome"] = "failed"
    cut = dataclasses.replace(evidence, requests=rows)
    assert cut.latency["counts"].to_numpy(dtype=bool)[kept].all(), "their students waited for them"
    slowest = slowest_requests(cut, None)
    assert len(slowest) == 2 * MOST
    assert max(each.felt_ms for each in slowest) < 20_000


def test_without_students_requests_tell_how_certain_a_cause_is():
    """They are of nobody, and one re-sample of one nobody is like another."""
    rows = pd.DataFrame({"student": np.zeros(200, dtype=np.int64), "own": 1.0, "target": 0.0})
    rows.loc[:98, ["own", "target"]] = 0.0, 1.0
    alone = SimpleNamespace(seed=1, load=Load())
    assert 0.1 < _certainty(SimpleNamespace(rows=rows), "own", alone) < 0.9
    of_students = rows.assign(student=np.arange(200))
    rush = SimpleNamespace(seed=1, load=None)
    assert 0.1 < _certainty(SimpleNamespace(rows=of_students), "own", rush) < 0.9
