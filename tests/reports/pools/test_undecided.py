"""A pool that was waited for and has no diagnosis says by what it could not be told."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.pools import find_pools
from dress_rehearsal.reports.pools.diagnosis import Circumstances, diagnose

LENGTH, FIRST = 40, 20


def frame(*, hold_s=0.01, usual_s=0.01, **columns):
    """Ten connections, half a second an interval; full and waited for from `FIRST` on."""
    waited = np.arange(LENGTH) >= FIRST
    held = np.where(waited, hold_s, usual_s)
    own = {
        "t_ns": np.arange(LENGTH) * NS_PER_S // 2,
        "used": np.where(waited, 10.0, 3.0),
        "max": 10.0,
        "pending": np.where(waited, 30.0, 0.0),
        "timeouts": 0.0,
        "acquired": 50.0,
        "waited": np.where(waited, 40.0, 0.0),
        "returned": 50.0,
        "use_s": 50.0 * held,
        "saturated": waited,
    }
    return pd.DataFrame({**own, **columns})


QUIET = Circumstances(
    loop_lag_ms=np.full(LENGTH, 2.0),
    cpu=np.full(LENGTH, 0.3),
    lock_waiting=np.full(LENGTH, np.nan),
    active=np.full(LENGTH, np.nan),
    open_idle=np.full(LENGTH, np.nan),
    workers=[],
    pool_timeout_s=8.0,
)


def around(**values):
    return dataclasses.replace(
        QUIET, **{name: np.full(LENGTH, value) for name, value in values.items()}
    )


@pytest.mark.parametrize(
    ("own", "circumstances", "why"),
    [
        pytest.param(
            {},
            {"loop_lag_ms": 80.0},
            "of 20 looks at which it was full and waited for, event loops ran 50 ms late or more "
            "in 20 and the CPUs were 95% busy or more in 0",
            id="no loop had time",
        ),
        pytest.param(
            {}, {"cpu": 0.99}, "the CPUs were 95% busy or more in 20", id="no processor was free"
        ),
        pytest.param(
            {},
            {"cpu": 0.99, "loop_lag_ms": np.nan},
            "waited for, the CPUs were 95% busy or more in 20",
            id="what was not measured is not told",
        ),
        pytest.param(
            {"hold_s": 0.12, "usual_s": 0.01},
            {"loop_lag_ms": 60.0},
            "held for 120 ms (median), while the latest event loop ran 60 ms late (median of the",
            id="late loops may have made the holds long",
        ),
        pytest.param(
            {"hold_s": 0.06, "usual_s": 0.04},
            {},
            "(median), which is long, but not 3 times as long as when nobody waited (40 ms)",
            id="always rather long",
        ),
        pytest.param(
            {"pending": 0.0}, {}, "no look at it found every connection in use", id="never full"
        ),
        pytest.param(
            {"max": np.nan}, {}, "how many it has was not measured", id="nobody told its size"
        ),
    ],
)
def test_what_a_diagnosis_could_not_be_told_by_is_said(own, circumstances, why):
    judged = diagnose(frame(**own), FIRST, 0, around(**circumstances))
    assert judged.diagnosis is None
    assert why in judged.why


@pytest.mark.parametrize(
    ("own", "first", "leaked", "diagnosis"),
    [
        ({}, FIRST, 0, "undersized"),
        ({}, None, 0, "healthy"),
        ({}, FIRST, 2, "leak"),
        ({"hold_s": 0.4}, FIRST, 0, "slow_holder"),
    ],
)
def test_a_pool_with_a_diagnosis_has_nothing_to_explain(own, first, leaked, diagnosis):
    assert diagnose(frame(**own), first, leaked, QUIET) == (diagnosis, None)


def test_the_verdict_calls_a_pool_not_used_of_which_nothing_was_taken(evidence_of):
    """The page called it not used, and `verdict.json` healthy."""
    evidence = evidence_of(students=60, tickets=20)
    told = evidence.metrics["labels"].astype(str).str.contains('"pool":"redis"', regex=False)
    names = evidence.metrics["name"].astype(str)
    uses = told & names.str.contains("used_peak|_use_time|_wait_time|db_client_connections$")
    metrics = evidence.metrics.assign(value=evidence.metrics["value"].mask(uses, 0.0))
    unused = dataclasses.replace(evidence, metrics=metrics)
    found = {each.pool.name: each.pool.diagnosis for each in find_pools(unused)}
    assert found["redis"] == "not_used"
    assert found["postgres"] == "healthy"
