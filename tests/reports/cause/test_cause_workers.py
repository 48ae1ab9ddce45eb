"""A cause in one worker names it, one in all names none; a worker that stood still is told."""

import dataclasses
import re

import pandas as pd
import pytest

from dress_rehearsal.reports.cause import stop_notes, worker_notes
from dress_rehearsal.reports.pools import find_pools
from tests.reports.cause.altered_runs import (
    SMALL,
    cause_of,
    dealt,
    of_rows,
    slowed,
    stopped,
)

pytestmark = pytest.mark.slow


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


def test_what_a_silent_worker_kept_to_itself_is_no_known_cause(evidence_of):
    healthy = evidence_of(**SMALL)
    pid = str(healthy.requests["worker"].dropna().iloc[0])
    silent = evidence_of(**SMALL, silent=((f"app:{pid}", -0.3, 4.0),))
    finding = cause_of(slowed(silent, own=900))
    assert (finding.bottleneck, finding.decided) == (None, False)
    assert re.match(
        r"Cause of slowness: not decided, for nothing was heard of the app's worker "
        rf"{pid} from T-0 − 0\.\d s "
        r"to T-0 \+ 4 s, when the slowest purchases were under way\.",
        finding.cause,
    ), finding.cause
    diagnoses = {found.pool.name: found.pool.diagnosis for found in find_pools(silent)}
    assert {diagnoses[name] for name in ("postgres", "redis", "app_loop")} == {"not_measured"}
    # Nothing was slow, or the generator was: neither rests on what it would have said.
    assert cause_of(silent).decided
    assert cause_of(silent).cause.startswith("Cause of slowness: none")
    late = evidence_of(**SMALL, silent=((f"app:{pid}", -0.3, 4.0),), generator_late_ms=900)
    assert cause_of(late).bottleneck.resource == "generator"


def test_whatever_was_silent_at_the_same_time_is_named_and_nothing_else(evidence_of):
    pids = sorted({str(pid) for pid in evidence_of(**SMALL).requests["worker"].dropna()})[:2]
    app = tuple((f"app:{pid}", -0.3, 4.0) for pid in pids)
    told = []
    for silent in (
        app[:1],
        (*app[:1], ("redis", -0.3, 4.0)),
        (*app[:1], ("postgres", 1.0, 6.0)),
        app,
    ):
        evidence = evidence_of(**SMALL, silent=silent)
        told.append(cause_of(slowed(evidence, own=900)).cause)
    assert f"of the app's worker {pids[0]} from" in told[0]
    assert "Redis" not in told[0]
    assert re.search(rf"of Redis and the app's worker {pids[0]} from T-0 − 0\.\d s to", told[1])
    assert re.search(rf"worker {pids[0]} from .* to T-0 \+ 4 s, and of PostgreSQL from", told[2])
    assert "of 2 of the app's workers from" in told[3]


def test_a_worker_that_was_silent_while_others_were_slow_leaves_the_cause_known(evidence_of):
    healthy = evidence_of(**SMALL)
    pid = str(healthy.requests["worker"].dropna().iloc[0])
    silent = evidence_of(**SMALL, silent=((f"app:{pid}", -0.3, 4.0),))
    others = (silent.requests["worker"] != pid).to_numpy(dtype=bool)
    finding = cause_of(of_rows(slowed(silent, own=900), silent, others))
    assert finding.bottleneck.resource == "app_code"


def test_a_loss_in_front_of_both_workers_names_none_though_one_lost_more(evidence_of):
    evidence = evidence_of(**SMALL)
    pid = str(evidence.requests["worker"].dropna().iloc[0])
    mine = (evidence.requests["worker"] == pid).to_numpy(dtype=bool)
    finding = cause_of(of_rows(slowed(evidence, own=900), slowed(evidence, own=500), mine))
    assert finding.bottleneck.worker is None
    assert " in both workers" in finding.cause


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
