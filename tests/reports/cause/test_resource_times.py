"""What was full at another time, or in connecting was not seen at all, is no cause."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from dress_rehearsal.reports.cause import resource
from dress_rehearsal.reports.pools import PoolFinding
from dress_rehearsal.reports.pools.diagnosis import Saturated
from dress_rehearsal.reports.verdict import judge
from tests.steps import PURCHASE

SECOND = 1_000_000_000


def full(name, at_s, **said):
    """A pool that was full for half a second."""
    begun = np.array([int(at_s * SECOND)])
    pool = SimpleNamespace(name=name, saturated_at_s=at_s, **said)
    return PoolFinding(pool, "full", Saturated(begun, begun + SECOND // 2))


def scene(part, *pools):
    """Requests that lost most to a part from T-0 + 2 s to T-0 + 6 s."""
    plan = SimpleNamespace(metrics=[SimpleNamespace(name="db")])
    return SimpleNamespace(
        part=part,
        evidence=SimpleNamespace(t0_ns=0, plan=plan),
        from_ns=2 * SECOND,
        until_ns=6 * SECOND,
        pools={each.pool.name: each for each in pools},
        load=SimpleNamespace(foreign=SimpleNamespace(pools={})),
        slow=SimpleNamespace(rows=[0] * 100),
    )


@pytest.mark.parametrize(("at_s", "is_why"), [(-25.0, False), (1.6, True), (5.9, True), (7, False)])
def test_a_server_behind_the_app_ran_short_when_requests_were_slow(at_s, is_why):
    found = resource._short_outside(scene("target", full("db.postgres", at_s)))
    assert (found is not None and found.resource == "db.postgres") == is_why


@pytest.mark.parametrize(("at_s", "is_why"), [(-28.0, False), (-2.0, True), (3.0, True)])
def test_a_connection_that_was_dropped_is_there_seconds_later(at_s, is_why):
    found = resource._overflowed(scene("connect", full("accept_queue", at_s, timeouts=30)))
    assert (found is not None) == is_why


def test_connections_that_took_long_are_no_full_accept_queue(healthy):
    """As where a TLS handshake takes its time, or a path loses packets."""
    rows = healthy.requests
    bought = (rows["step"] == PURCHASE) & (rows["status"] > 0)
    took_ns = 900_000_000
    columns = {
        name: rows[name] + bought * took_ns for name in ("first_byte_ns", "done_ns", "read_ns")
    }
    columns["connect_us"] = rows["connect_us"].mask(bought, took_ns // 1000)
    columns["new_connection"] = rows["new_connection"].mask(bought, True)
    verdict = judge(dataclasses.replace(healthy, requests=rows.assign(**columns)))
    assert verdict.bottleneck.resource == "connect"
    assert "making connections" in verdict.cause
    assert "and no full accept queue was seen" in verdict.cause
