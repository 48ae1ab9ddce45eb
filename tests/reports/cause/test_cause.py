"""The cause is where the slowest tenth lost their time, and nothing where nobody lost any."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.reports.cause import CauseFinding, find_cause, stop_notes, worker_notes
from dress_rehearsal.reports.cause.decomposition import PARTS, decompose
from dress_rehearsal.reports.cause.load import Level, read_load
from dress_rehearsal.reports.cause.resource import RESOURCES
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.pools import find_pools, run_grid
from dress_rehearsal.reports.words import resource_words
from tests.steps import PURCHASE

pytestmark = pytest.mark.whole_runs

SMALL = {"students": 200, "tickets": 60}
SECOND = 1_000_000_000
TIMES = ("first_byte_ns", "done_ns", "read_ns")


def cause_of(evidence: Evidence) -> CauseFinding:
    return find_cause(evidence, find_pools(evidence))


def slowed(
    evidence: Evidence, step: str = PURCHASE, waited_for: str | None = None, **parts_ms: float
) -> Evidence:
    """The same run whose answers at a step took longer, by these parts of Server-Timing."""
    requests = evidence.requests.copy()
    assert evidence.t0_ns is not None
    since = (requests["intended_ns"] >= evidence.t0_ns) & (requests["step"] == step)
    mine = (since & (requests["status"] > 0)).to_numpy(dtype=bool)
    added = sum(parts_ms.values())
    for name in TIMES:
        requests.loc[mine, name] += round(added * 1e6)
    for part, longer in parts_ms.items():
        inside = {"own": ["app_us"], "queue": ["queue_us"], "way": []}.get(
            part, [f"{part}_us", "app_us"]
        )
        for column in inside:
            value = requests[column].fillna(0) + round(longer * 1e3)
            requests[column] = requests[column].mask(mine, value)
    if waited_for is not None:
        requests["pool"] = requests["pool"].astype("object")
        requests.loc[mine, "pool"] = waited_for
    return dataclasses.replace(evidence, requests=requests)


def measured(evidence: Evidence, name: str, value: float, **labels: str) -> Evidence:
    """The same run in which a metric had this value from T-0 on."""
    metrics = evidence.metrics.copy()
    assert evidence.t0_ns is not None
    wanted = [json.loads(text) for text in metrics["labels"].cat.categories]
    fits = [all(each.get(key) == text for key, text in labels.items()) for each in wanted]
    mine = (metrics["name"] == name) & (metrics["t_ns"] >= evidence.t0_ns)
    mine &= np.array(fits, dtype=bool)[metrics["labels"].cat.codes]
    assert mine.any(), name
    metrics.loc[mine, "value"] = value
    return dataclasses.replace(evidence, metrics=metrics)


def stopped(evidence: Evidence, pid: int, from_s: float, until_s: float) -> Evidence:
    """The same run in which a worker showed nothing and used no CPU for a while."""
    assert evidence.t0_ns is not None
    metrics = evidence.metrics.copy()
    start, end = (evidence.t0_ns + round(at * SECOND) for at in (from_s, until_s))
    inside = metrics["t_ns"].between(start, end)
    own = metrics["labels"].astype(str).str.contains(f'"pid":"{pid}"', regex=False)
    own &= metrics["name"] == "process_cpu_seconds_total"
    before = metrics[own & (metrics["t_ns"] < start)]["value"].max()
    metrics.loc[own & inside, "value"] = before
    silent = inside & (metrics["source"].astype(str) == f"app:{pid}")
    return dataclasses.replace(evidence, metrics=metrics[~silent])


def test_a_healthy_run_has_no_cause_but_a_number(evidence_of):
    finding = cause_of(evidence_of(**SMALL))
    assert finding.bottleneck is None
    assert finding.cause.startswith("Cause of slowness: none; the slowest 1% of purchases waited ")


def test_a_few_slow_purchases_are_told_and_no_cause_is_made_of_them(evidence_of):
    evidence = evidence_of(**SMALL)
    requests = evidence.requests.copy()
    last = requests.index[requests["step"] == PURCHASE][-4:]
    requests.loc[last, ["done_ns", "read_ns"]] += 2 * SECOND
    finding = cause_of(dataclasses.replace(evidence, requests=requests))
    assert finding.bottleneck is None
    assert "none; only 4 purchases took 400 ms or longer, too few to tell" in finding.cause


@pytest.mark.parametrize(
    ("parts_ms", "pool", "resource"),
    [
        pytest.param({"own": 400}, None, "app_code", id="the app's own code"),
        pytest.param({"db": 400}, None, "database", id="PostgreSQL"),
        pytest.param({"redis": 400}, None, "redis_server", id="Redis"),
        pytest.param({"redis_connect": 400}, None, "redis_connect", id="the way to Redis"),
        pytest.param({"db_connect": 400}, None, "postgres_connect", id="the way to PostgreSQL"),
        pytest.param({"external": 400}, None, "external", id="a neighbour"),
        pytest.param({"pool": 400}, "redis", "redis", id="waiting for Redis' pool"),
        pytest.param({"pool": 400}, "postgres", "postgres", id="waiting for PostgreSQL's pool"),
        pytest.param({"queue": 400}, None, "app_queue", id="waiting in front of the app"),
        pytest.param({"way": 400}, None, "network", id="in none of the app's parts"),
        pytest.param({"db": 300, "own": 310}, None, "app_code", id="the larger of two"),
    ],
)
def test_the_largest_part_of_what_was_lost_is_the_bottleneck(evidence_of, parts_ms, pool, resource):
    finding = cause_of(slowed(evidence_of(**SMALL), waited_for=pool, **parts_ms))
    assert finding.bottleneck.resource == resource
    assert finding.bottleneck.step == PURCHASE
    assert finding.bottleneck.certainty > 0.9
    assert -1 <= finding.bottleneck.since_s <= 1
    assert finding.bottleneck.lost_ms == pytest.approx(max(parts_ms.values()), rel=0.25)
    assert resource_words(resource) in finding.cause


def test_every_word_of_a_cause_has_words_for_people():
    assert all(resource_words(name) != name for name in (*RESOURCES, *PARTS))


def test_the_parts_add_up_to_what_was_felt(evidence_of):
    evidence = slowed(
        evidence_of(**SMALL, unknown=4, failed=3, generator_late_ms=80),
        waited_for="postgres",
        db=120,
    )
    load = read_load(evidence, run_grid(evidence))
    chosen = (evidence.latency["felt_ms"].notna()).to_numpy(dtype=bool)
    rows = decompose(evidence, load, chosen)
    assert rows[list(PARTS)].sum(axis="columns").to_numpy() == pytest.approx(
        rows["felt_ms"].to_numpy(), abs=0.01
    )
    assert (rows[list(PARTS)] >= -1e-9).all(axis=None)


def test_a_stumble_of_milliseconds_is_no_bottleneck(evidence_of):
    assert cause_of(slowed(evidence_of(**SMALL), own=100)).bottleneck is None


def test_what_was_slow_before_the_last_second_is_no_bottleneck(evidence_of):
    evidence = evidence_of(**SMALL)
    early = dataclasses.replace(evidence, t0_ns=evidence.t0_ns + 60 * SECOND)
    assert cause_of(slowed(early, own=900)).bottleneck is None


def test_a_slow_route_is_found_where_buying_was_fast(evidence_of):
    finding = cause_of(slowed(evidence_of(**SMALL), step="POST /login", own=700))
    assert (finding.bottleneck.resource, finding.bottleneck.step) == ("app_code", "POST /login")
    assert "POST /login" in finding.cause


def test_busy_cpus_are_the_cause_of_late_loops_and_it_is_said_whose_work_it_was(evidence_of):
    evidence = slowed(evidence_of(**SMALL, cpu_full=True), queue=500)
    evidence = measured(evidence, "machine_cpu_used_ratio", 0.99)
    finding = cause_of(evidence)
    assert finding.bottleneck.resource == "cpu"
    assert "the app" in finding.cause
    idle = measured(evidence, "machine_cpu_used_ratio", 0.4)
    assert cause_of(idle).bottleneck.resource == "app_loop"
    prompt = measured(idle, "app_event_loop_lag_seconds", 0.002)
    assert cause_of(prompt).bottleneck.resource == "app_queue"


def test_a_pool_that_is_full_because_the_cpu_is_full_is_not_the_bottleneck(evidence_of):
    evidence = evidence_of(**SMALL, pool_exhausted=True)
    evidence = slowed(evidence, waited_for="postgres", pool=900)
    full = cause_of(measured(evidence, "machine_cpu_used_ratio", 0.99))
    assert full.bottleneck.resource == "cpu"
    assert "20 of 20 in use" in full.cause, "where it was waited is told as well"
    idle = cause_of(measured(evidence, "machine_cpu_used_ratio", 0.4))
    assert idle.bottleneck.resource == "postgres"
    assert "too small" in idle.cause


def test_a_lock_that_lets_one_in_at_a_time_is_the_bottleneck_however_busy_the_cpu(evidence_of):
    evidence = evidence_of(**SMALL, plan={"app": {"allocation": "redis_lock"}})
    evidence = slowed(evidence, waited_for="redis_lock", pool=900)
    full = cause_of(measured(evidence, "machine_cpu_used_ratio", 0.99))
    assert full.bottleneck.resource == "redis_lock"


def waiting_for_a_cpu(
    evidence: Evidence, ran: float, waited: float, *, pid: str | None = None
) -> Evidence:
    """The same run whose processes ran for so much of what they did, and waited so many s a s.

    With a pid that process alone; all the others ran as they did.
    """
    metrics = evidence.metrics.copy()
    own = (metrics["name"] == "process_cpu_seconds_total").to_numpy(dtype=bool)
    labels = metrics["labels"].astype(str)
    mine = own & labels.str.contains(f'"pid":"{pid or ""}', regex=False).to_numpy(dtype=bool)
    metrics.loc[mine, "value"] *= ran
    begun_ns = metrics["t_ns"].min()
    more = metrics[own].assign(
        name="process_cpu_wait_seconds_total",
        value=waited * (metrics.loc[own, "t_ns"] - begun_ns) / 1e9,
    )
    metrics["name"] = metrics["name"].astype("object")
    both = pd.concat([metrics, more], ignore_index=True).sort_values("t_ns", kind="stable")
    both = both.astype({"name": "category", "source": "category", "labels": "category"})
    return dataclasses.replace(evidence, metrics=both)


def test_a_blocked_loop_is_not_the_cpu_s_fault_though_others_keep_it_busy(evidence_of):
    evidence = slowed(evidence_of(**SMALL, cpu_full=True), queue=500)
    evidence = measured(evidence, "machine_cpu_used_ratio", 0.99)
    starved = cause_of(waiting_for_a_cpu(evidence, ran=1.0, waited=0.8))
    assert starved.bottleneck.resource == "cpu"
    blocked = cause_of(waiting_for_a_cpu(evidence, ran=0.3, waited=0.05))
    assert blocked.bottleneck.resource == "app_loop"
    assert re.search(r"for only \d\d(\.\d)?% of that time: something blocks them", blocked.cause)
    assert "blocks" not in starved.cause


def test_the_late_worker_is_asked_whether_it_was_blocked_not_the_one_that_works(evidence_of):
    evidence = slowed(evidence_of(**SMALL, cpu_full=True), queue=500)
    evidence = measured(evidence, "machine_cpu_used_ratio", 0.99)
    lags = evidence.metrics["name"] == "app_event_loop_lag_seconds"
    late, other = sorted(evidence.metrics.loc[lags, "source"].astype(str).unique())[:2]
    metrics = evidence.metrics.copy()
    metrics.loc[lags & (metrics["source"].astype(str) == other), "value"] = 0.001
    one_late = dataclasses.replace(evidence, metrics=metrics)
    blocked = waiting_for_a_cpu(one_late, ran=0.3, waited=0.05, pid=late.partition(":")[2])
    assert "something blocks them" in cause_of(blocked).cause
    working = waiting_for_a_cpu(one_late, ran=0.3, waited=0.05, pid=other.partition(":")[2])
    assert cause_of(working).bottleneck.resource == "cpu"


def test_a_worker_whose_processor_the_host_took_is_not_called_blocked(evidence_of):
    stolen = slowed(evidence_of(**SMALL, cpu_full=True, stolen_cores=0.8), queue=500)
    stolen = measured(stolen, "machine_cpu_used_ratio", 0.99)
    assert cause_of(waiting_for_a_cpu(stolen, ran=0.3, waited=0.05)).bottleneck.resource == "cpu"


def test_what_is_awaited_in_a_late_loop_is_the_loops_time(evidence_of):
    late = measured(slowed(evidence_of(**SMALL), redis=400), "app_event_loop_lag_seconds", 0.4)
    assert cause_of(late).bottleneck.resource == "app_loop"


def test_waiting_for_those_who_wait_for_a_lock_is_waiting_for_the_lock(evidence_of):
    evidence = slowed(evidence_of(**SMALL), waited_for="postgres", db=400)
    evidence = measured(evidence, "db_client_connections", 10, pool="postgres", state="used")
    locked = measured(evidence, "pg_lock_waiting", 19)
    assert cause_of(evidence).bottleneck.resource == "database"
    assert cause_of(locked).bottleneck.resource == "lock_wait"
    waiting = slowed(locked, waited_for="postgres", pool=900)
    assert cause_of(waiting).bottleneck.resource == "lock_wait"


def test_one_worker_s_loss_names_the_worker(evidence_of):
    evidence = evidence_of(**SMALL)
    pid = str(evidence.requests["worker"].dropna().iloc[0])
    slow = slowed(evidence, own=600)
    mine = (slow.requests["worker"] == pid).to_numpy(dtype=bool)
    requests = slow.requests.where(pd.Series(mine), evidence.requests).astype(
        evidence.requests.dtypes
    )
    finding = cause_of(dataclasses.replace(evidence, requests=requests))
    assert finding.bottleneck.worker == pid
    assert f" in worker {pid} alone" in finding.cause
    assert "in the slowest tenth of its " in finding.cause
    every = cause_of(slow)
    assert every.bottleneck.worker is None
    assert " in both workers" in every.cause


def test_a_worker_that_stood_still_is_the_cause_and_an_idle_one_is_not(evidence_of):
    evidence = slowed(evidence_of(**SMALL), queue=2500)
    pid = int(evidence.requests["worker"].dropna().iloc[0])
    finding = cause_of(stopped(evidence, pid, 0.0, 3.0))
    assert finding.bottleneck.resource == "stopped_process"
    assert f"pid {pid}" in finding.cause
    assert cause_of(evidence).bottleneck.resource == "app_queue"


def test_a_stop_is_told_of_even_where_nobody_lost_time_by_it(evidence_of):
    evidence = evidence_of(**SMALL)
    pid = int(evidence.requests["worker"].dropna().iloc[0])
    assert list(stop_notes(evidence)) == []
    (note,) = stop_notes(stopped(evidence, pid, 0.0, 3.0))
    assert re.match(rf"An app worker \(pid {pid}\) stood still from T-0( [−+] 0\.\d s)? to ", note)
    planned = evidence_of(**SMALL, faults=(("loop_block", -0.1, 3.0),))
    assert list(stop_notes(stopped(planned, pid, 0.0, 3.0))) == []


def test_one_slow_request_is_bad_luck(evidence_of):
    evidence = evidence_of(**SMALL)
    slow = slowed(evidence, own=900)
    few = (evidence.requests["student"] < 2).to_numpy(dtype=bool)
    requests = slow.requests.where(pd.Series(few), evidence.requests).astype(
        evidence.requests.dtypes
    )
    assert cause_of(dataclasses.replace(evidence, requests=requests)).bottleneck is None


def test_where_answers_failed_fast_the_failure_is_named(evidence_of):
    finding = cause_of(evidence_of(**SMALL, failed=30))
    assert finding.bottleneck is None
    assert finding.cause.startswith("Cause of failures: most of them overloaded: 30 of 2")


def test_failures_are_in_the_line_with_what_they_took(evidence_of):
    evidence = evidence_of(**SMALL, failed=30)
    late = slowed(evidence, waited_for="postgres", pool=8000)
    assert "30 of " in cause_of(late).cause
    assert "failed, in the median after 8" in cause_of(late).cause


def test_a_leak_is_told_with_its_connections(evidence_of):
    evidence = slowed(evidence_of(**SMALL, leak=2), waited_for="postgres", pool=900)
    assert cause_of(evidence).cause.startswith(
        "Cause of slowness: the PostgreSQL pool leaked 2 of 20 connections; 1% of requests "
        "to buy took "
    )


def test_without_metrics_or_a_t0_the_cause_is_not_known(evidence_of):
    for evidence in (evidence_of(**SMALL, no_t0=True), evidence_of(**SMALL, without=["metrics"])):
        assert cause_of(evidence).bottleneck is None
        assert cause_of(evidence).cause.startswith("Cause of slowness: not known")


def test_where_nobody_collected_no_cause_is_named_and_no_pool_is_healthy(evidence_of):
    everything = ("kernel", "processes", "app", "postgres", "redis")
    silent = tuple((source, 0.2, 4.0) for source in everything)
    evidence = slowed(evidence_of(**SMALL, silent=silent), own=900)
    finding = cause_of(evidence)
    assert finding.bottleneck is None
    assert finding.cause.startswith(
        "Cause of slowness: not decided, for nothing was measured from T-0"
    )
    diagnoses = {found.pool.name: found.pool.diagnosis for found in find_pools(evidence)}
    unknown = {name for name, diagnosis in diagnoses.items() if diagnosis == "not_measured"}
    assert unknown >= {"postgres", "redis", "cpu", "app_loop", "accept_queue"}
    assert diagnoses["generator_loop"] == "healthy"


def test_what_a_silent_worker_kept_to_itself_is_no_known_cause(evidence_of):
    healthy = evidence_of(**SMALL)
    pid = str(healthy.requests["worker"].dropna().iloc[0])
    silent = evidence_of(**SMALL, silent=((f"app:{pid}", -0.3, 4.0),))
    finding = cause_of(slowed(silent, own=900))
    assert (finding.bottleneck, finding.decided) == (None, False)
    assert re.match(
        r"Cause of slowness: not decided, for nothing was heard of the app's worker "
        rf"{pid} from T-0 − 0\.\d s "
        r"to T-0 \+ 4 s, where the slowest requests were\.",
        finding.cause,
    ), finding.cause
    diagnoses = {found.pool.name: found.pool.diagnosis for found in find_pools(silent)}
    assert {diagnoses[name] for name in ("postgres", "redis", "app_loop")} == {"not_measured"}
    # Nothing was slow, or the generator was: neither rests on what it would have said.
    assert cause_of(silent).decided
    assert cause_of(silent).cause.startswith("Cause of slowness: none")
    late = evidence_of(**SMALL, silent=((f"app:{pid}", -0.3, 4.0),), generator_late_ms=900)
    assert cause_of(late).bottleneck.resource == "generator"


def test_a_worker_that_was_silent_while_others_were_slow_leaves_the_cause_known(evidence_of):
    healthy = evidence_of(**SMALL)
    pid = str(healthy.requests["worker"].dropna().iloc[0])
    silent = evidence_of(**SMALL, silent=((f"app:{pid}", -0.3, 4.0),))
    others = (silent.requests["worker"] != pid).to_numpy(dtype=bool)
    finding = cause_of(of_rows(slowed(silent, own=900), silent, others))
    assert finding.bottleneck.resource == "app_code"


@pytest.mark.parametrize("students", [1, 4])
def test_where_hardly_anybody_buys_and_all_of_them_wait_there_is_a_cause(evidence_of, students):
    few = evidence_of(students=students, tickets=1)
    assert cause_of(slowed(few, own=900)).bottleneck.resource == "app_code"
    assert cause_of(few).bottleneck is None


def of_rows(slow: Evidence, healthy: Evidence, mine: object) -> Evidence:
    """The one run in the rows that are chosen, the other in all others."""
    requests = slow.requests.where(pd.Series(mine), healthy.requests)
    return dataclasses.replace(healthy, requests=requests.astype(healthy.requests.dtypes))


def test_a_loss_in_front_of_both_workers_names_none_though_one_lost_more(evidence_of):
    evidence = evidence_of(**SMALL)
    pid = str(evidence.requests["worker"].dropna().iloc[0])
    mine = (evidence.requests["worker"] == pid).to_numpy(dtype=bool)
    finding = cause_of(of_rows(slowed(evidence, own=900), slowed(evidence, own=500), mine))
    assert finding.bottleneck.worker is None
    assert " in both workers" in finding.cause


def test_what_slows_one_route_is_named_with_it_and_what_slows_all_is_not(evidence_of):
    evidence = evidence_of(**SMALL)
    assert (
        f"the app's own code in both workers at {PURCHASE} alone"
        in cause_of(slowed(evidence, own=600)).cause
    )
    every = evidence
    for step in evidence.requests["step"].unique():
        every = slowed(every, step=str(step), own=600)
    line = cause_of(every).cause
    assert "alone" not in line
    assert re.search(r" at (both|all \d+) routes", line), line


def dealt(evidence: Evidence, share: float) -> Evidence:
    """The same run in which the first worker answered so much of every student's."""
    requests = evidence.requests.copy()
    pids = sorted(requests["worker"].dropna().unique())
    first = requests["student"] % 100 < 100 * share
    requests["worker"] = np.where(first, pids[0], pids[1])
    return dataclasses.replace(evidence, requests=requests)


def test_uneven_workers_are_told_with_numbers_and_even_ones_are_not(evidence_of):
    evidence = evidence_of(**SMALL)
    assert list(worker_notes(dealt(evidence, 0.5))) == []
    (note,) = worker_notes(dealt(evidence, 0.9))
    pid = min(evidence.requests["worker"].dropna().unique())
    assert re.fullmatch(
        rf"Uneven workers: {pid}, one of 2, answered 9\d(\.\d)?% of [\d,]+ requests around and "
        r"after T-0, and [\d,]+ of [\d,]+ connections were made to it\.",
        note,
    ), note


def test_a_slower_worker_is_told_with_numbers(evidence_of):
    evidence = evidence_of(**SMALL)
    pid = str(evidence.requests["worker"].dropna().iloc[0])
    mine = (evidence.requests["worker"] == pid).to_numpy(dtype=bool)
    slow = of_rows(slowed(evidence, own=600), evidence, mine)
    (note,) = worker_notes(slow)
    assert note.startswith(f"Worker {pid} was slower than the other: a tenth of its ")


def test_the_busy_worker_is_named_where_the_others_had_nothing_to_do(evidence_of):
    slow = slowed(dealt(evidence_of(**SMALL), 0.98), own=600)
    finding = cause_of(slow)
    assert re.search(r" in worker \d+, which answered 9\d(\.\d)?% of the requests", finding.cause)


def test_waiting_for_those_who_still_connect_is_connecting(evidence_of):
    evidence = slowed(evidence_of(**SMALL), waited_for="redis", pool=400)
    load = read_load(evidence, run_grid(evidence))
    chosen = (evidence.requests["step"] == PURCHASE).to_numpy(dtype=bool)
    known = load.pools["redis"]
    all_connect = Level(load.grid_ns, np.ones(len(load.grid_ns)))
    pools = {**load.pools, "redis": dataclasses.replace(known, connecting=all_connect)}
    lost = decompose(evidence, dataclasses.replace(load, pools=pools), chosen).mean(
        numeric_only=True
    )
    assert lost["redis_connect"] > 300
    assert decompose(evidence, load, chosen)["redis_connect"].sum() == 0


def test_what_was_only_sent_late_elsewhere_is_no_bottleneck(evidence_of):
    evidence = evidence_of(**SMALL)
    requests = evidence.requests.copy()
    views = requests.index[requests["step"] == "GET /tickets/{ticket}"][:9]
    assert len(views) == 9
    requests.loc[views, "intended_ns"] -= 2 * SECOND
    late = dataclasses.replace(evidence, requests=requests)
    assert cause_of(late).bottleneck is None
    for name in TIMES:
        requests.loc[views, name] += 2 * SECOND
    slow = cause_of(dataclasses.replace(evidence, requests=requests))
    assert slow.bottleneck.step == "GET /tickets/{ticket}"
