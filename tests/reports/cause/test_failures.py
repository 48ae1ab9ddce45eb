"""What answers failed by is named with the route and the worker only where it is theirs alone."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from dress_rehearsal.reports.cause import find_cause
from dress_rehearsal.reports.cause.failures import failures
from dress_rehearsal.reports.evidence import Evidence
from tests.reports.contained_runs import MIB, contained
from tests.steps import PURCHASE

SMALL = {"students": 200, "tickets": 60}


def failed(
    evidence: Evidence, chosen: object, word: str = "internal_error", status: int = 500
) -> Evidence:
    """The same run in which the chosen requests after T-0 were answered with an error."""
    requests = evidence.requests.copy()
    after = (requests["intended_ns"] >= evidence.t0_ns).to_numpy(dtype=bool)
    for column, value in (("outcome", "failed"), ("error", word), ("status", status)):
        if requests[column].dtype == "category":
            requests[column] = requests[column].astype("object")
        requests.loc[after & np.asarray(chosen, dtype=bool), column] = value
    return dataclasses.replace(evidence, requests=requests)


def test_a_healthy_run_has_none(evidence_of):
    assert failures(evidence_of(**SMALL)) is None


def test_failures_of_one_route_name_it(evidence_of):
    evidence = evidence_of(**SMALL)
    buys = evidence.requests["step"] == PURCHASE
    line = failures(failed(evidence, buys & (evidence.requests["student"] % 3 == 0)))
    assert line.startswith("Cause of failures: most of them internal_error: ")
    assert f" of {PURCHASE} from T-0" in line
    assert "worker" not in line


def test_failures_at_every_route_name_none(evidence_of):
    evidence = evidence_of(**SMALL)
    line = failures(failed(evidence, evidence.requests["student"] % 3 == 0))
    assert " routes from T-0" in line
    assert PURCHASE not in line


def test_failures_of_one_worker_name_it_with_both_shares(evidence_of):
    evidence = evidence_of(**SMALL)
    pid = str(evidence.requests["worker"].dropna().iloc[0])
    buys = evidence.requests["step"] == PURCHASE
    mine = buys & (evidence.requests["worker"] == pid)
    line = failures(failed(evidence, mine & (evidence.requests["student"] % 4 < 2)))
    assert f" in worker {pid} alone (" in line
    assert "of its requests, elsewhere at most 0%)" in line


def killed(evidence: Evidence, container: str, pids: Sequence[str] = ()) -> Evidence:
    """The same run in which a process of a container was killed for its memory at T-0."""
    told = {"container_oom_events_total": 1, "container_memory_oom_total": 1}
    known = {"container_spec_memory_limit_bytes": 256 * MIB}
    return contained(evidence, container, limit=None, extra=told | known, pids=pids)


@pytest.mark.parametrize(
    ("container", "word", "status", "explained"),
    [
        ("postgres", "dependency_unavailable", 503, True),
        ("redis", "internal_error", 500, True),
        ("neighbours", "http_500", 500, True),
        ("app-1", "overloaded", 503, True),
        ("app-1", "http_502", 502, True),
        ("app-1", "connect_refused", 0, True),
        ("nginx", "connection_reset", 0, True),
        ("app-1", "internal_error", 500, False),
        ("nginx", "overloaded", 503, False),
        ("postgres", "http_502", 502, False),
        ("postgres", "connect_refused", 0, False),
        ("writeback", "internal_error", 500, False),
    ],
)
def test_a_kill_is_named_where_that_death_can_be_why(
    evidence_of, container, word, status, explained
):
    evidence = evidence_of(**SMALL)
    third = evidence.requests["student"] % 3 == 0
    line = failures(killed(failed(evidence, third, word, status), container))
    assert (f"; a process of {container} was killed because" in line) is explained


def test_a_kill_in_another_workers_container_is_not_why(evidence_of):
    evidence = evidence_of(**SMALL)
    one, other = sorted(evidence.requests["worker"].dropna().astype(str).unique())[:2]
    mine = evidence.requests["worker"].astype("object") == one
    evidence = failed(evidence, mine, "overloaded", 503)
    for first, second, explained in ((one, other, True), (other, one, False)):
        both = killed(contained(evidence, "app-2", limit=None, pids=[second]), "app-1", [first])
        assert ("was killed because" in failures(both)) is explained


def test_a_kill_after_the_failures_is_not_why(evidence_of):
    evidence = evidence_of(**SMALL)
    third = evidence.requests["student"] % 3 == 0
    during = killed(failed(evidence, third), "redis")
    assert "was killed" in failures(during)
    last_ns = int(during.requests[during.requests["error"] == "internal_error"]["done_ns"].max())
    metrics = during.metrics.copy()
    later_ns = last_ns - evidence.t0_ns + 500_000_000
    metrics.loc[metrics["source"] == "containers", "t_ns"] += later_ns
    after = dataclasses.replace(during, metrics=metrics)
    assert "was killed" not in failures(after)


def test_a_wait_for_one_store_is_not_anothers_death(evidence_of):
    evidence = evidence_of(**SMALL)
    third = evidence.requests["student"] % 3 == 0
    evidence = killed(failed(evidence, third, "overloaded", 503), "redis")
    requests = evidence.requests.assign(pool="postgres")
    assert "was killed" not in failures(dataclasses.replace(evidence, requests=requests))
    requests = evidence.requests.assign(pool="redis")
    assert "was killed" in failures(dataclasses.replace(evidence, requests=requests))


def test_many_failures_are_told_before_a_few_slow_requests_elsewhere(evidence_of):
    evidence = evidence_of(**SMALL)
    buys = evidence.requests["step"] == PURCHASE
    requests = evidence.requests.copy()
    logins = requests.index[requests["step"] == "POST /login"][-8:]
    for name in ("first_byte_ns", "done_ns", "read_ns"):
        requests.loc[logins, name] += 900_000_000
    requests.loc[logins, "intended_ns"] = requests.loc[logins, "sent_ns"]
    slow = dataclasses.replace(evidence, requests=requests)
    many, few = buys & (requests["student"] % 2 == 0), buys & (requests["student"] < 2)
    assert "Cause of failures" in find_cause(failed(slow, many), []).cause
    assert "Cause of failures" not in find_cause(failed(slow, few), []).cause
