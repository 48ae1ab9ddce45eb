"""Synthetic runs altered in one thing: an answer's parts, a metric, a worker that stood still."""

import dataclasses
import json

import numpy as np
import pandas as pd

from dress_rehearsal.reports.cause import CauseFinding, find_cause
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.pools import find_pools
from tests.steps import PURCHASE

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


def of_rows(slow: Evidence, healthy: Evidence, mine: object) -> Evidence:
    """The one run in the rows that are chosen, the other in all others."""
    requests = slow.requests.where(pd.Series(mine), healthy.requests)
    return dataclasses.replace(healthy, requests=requests.astype(healthy.requests.dtypes))


def dealt(evidence: Evidence, share: float) -> Evidence:
    """The same run in which the first worker answered so much of every student's."""
    requests = evidence.requests.copy()
    pids = sorted(requests["worker"].dropna().unique())
    first = requests["student"] % 100 < 100 * share
    requests["worker"] = np.where(first, pids[0], pids[1])
    return dataclasses.replace(evidence, requests=requests)
