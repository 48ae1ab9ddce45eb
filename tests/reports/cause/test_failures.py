"""What answers failed by is named with the route and the worker only where it is theirs alone."""

import dataclasses

import numpy as np

from dress_rehearsal.reports.cause import find_cause
from dress_rehearsal.reports.cause.failures import failures
from dress_rehearsal.reports.evidence import Evidence
from tests.steps import PURCHASE

SMALL = {"students": 200, "tickets": 60}


def failed(evidence: Evidence, chosen: object, word: str = "internal_error") -> Evidence:
    """The same run in which the chosen requests after T-0 were answered with an error."""
    requests = evidence.requests.copy()
    after = (requests["intended_ns"] >= evidence.t0_ns).to_numpy(dtype=bool)
    for column, value in (("outcome", "failed"), ("error", word), ("status", 500)):
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
