"""What a target loses with each new connection is told as that, and not as the CPU's doing."""

import dataclasses

import numpy as np
import pytest

from dress_rehearsal.reports.evidence import Evidence
from tests.reports.cause.altered_runs import SECOND, SMALL, TIMES, cause_of, measured
from tests.reports.cause.test_cause_shared_wait import silenced
from tests.reports.foreign import foreign
from tests.steps import PURCHASE

pytestmark = pytest.mark.slow

WORDS = "were the first on their connection"


@pytest.fixture
def shop(evidence_of):
    """A shop of somebody else's, whose answers say nothing, while the CPUs were busy."""
    evidence = measured(evidence_of(**SMALL), "machine_cpu_used_ratio", 0.99)
    return foreign(silenced(evidence), "everything")


def delayed(evidence: Evidence, ms: float, *, others: float, kept: float = 0.0) -> Evidence:
    """The same run in which every fifth request after T-0 came by a new connection.

    Those took longer by so many ms at buying, and by so many (`others`) at every other step; those
    on connections that were open already by so many (`kept`).
    """
    requests = evidence.requests.copy()
    assert evidence.t0_ns is not None
    since = (requests["intended_ns"] >= evidence.t0_ns - SECOND).to_numpy(dtype=bool)
    fresh = since & (np.arange(len(requests)) % 5 == 0)
    buying = (requests["step"] == PURCHASE).to_numpy(dtype=bool)
    more = np.where(fresh, np.where(buying, ms, others), kept) * since
    for name in TIMES:
        requests[name] += np.round(more * 1e6).astype("int64")
    requests["new_connection"] = fresh
    return dataclasses.replace(evidence, requests=requests)


def test_what_only_first_requests_of_a_connection_lose_is_told_so(shop):
    finding = cause_of(delayed(shop, 1_500, others=1_500))
    assert finding.bottleneck.resource == "target"
    assert WORDS in finding.cause
    idle = cause_of(measured(delayed(shop, 1_500, others=1_500), "machine_cpu_used_ratio", 0.4))
    assert WORDS in idle.cause


@pytest.mark.parametrize(
    "slow", [{"others": 0.0}, {"others": 1_500, "kept": 1_500}], ids=["one step", "all alike"]
)
def test_it_is_not_where_others_lose_as_much_or_first_requests_of_other_steps_nothing(shop, slow):
    assert WORDS not in cause_of(delayed(shop, 1_500, **slow)).cause
