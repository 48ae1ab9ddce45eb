"""The CPU limits of containers, a pool a service: used up, the kernel holds all of it back
(throttling) until the next period begins.

Saturated is a service one of whose containers was kept from running for `HELD_BACK` of a second on
end. What it waited is told as the mean over the periods in which it was held back, all CPUs added
up; its peak is over a second too: within a period any limit is used up at once.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from dress_rehearsal.plans.sections.stage import SERVICES
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.containers import (
    ContainerCpu,
    CpuLimit,
    container_cpus,
)
from dress_rehearsal.reports.numbers import rounded, whole
from dress_rehearsal.reports.pools.client import PoolFinding, grid_interval_s
from dress_rehearsal.reports.pools.diagnosis import intervals, saturations
from dress_rehearsal.reports.schema import Pool
from dress_rehearsal.reports.words import cores, percent, service_words, written

CPU_LIMITS: Final = tuple(f"{service}_cpu_limit" for service in SERVICES)

HELD_BACK: Final = 0.2
"""Kept from running for so much of the time, work takes a quarter longer, and queues far more."""


def find_cpu_limits(evidence: Evidence, grid: Any) -> list[PoolFinding]:
    """Return a finding for each service with a limit, in the order of `CPU_LIMITS`."""
    every = container_cpus(evidence.samples, grid) if len(grid) > 1 else []
    found = []
    for service, name in zip(SERVICES, CPU_LIMITS, strict=True):
        own = [each for each in every if each.service == service and each.is_limited]
        if own:
            found.append(_finding(evidence, grid, name, own))
    return found


def _tightest(limit: CpuLimit, during: Any) -> float:
    """Return the least that a limit allowed meanwhile; a fault may change it."""
    cores = limit.cores[during]
    known = cores[~np.isnan(cores)]
    return float(known.min() if len(known) else np.nanmin(limit.cores))


def throttling_words(service: str, containers: Sequence[ContainerCpu], during: Any) -> str:
    """Return how often a service was throttled, and by which limit: "the app was throttled 61% of
    the time: its limit is 1 CPU".

    Args:
        containers: those of the service that have a limit.
        during: which intervals, as a bool array.
    """
    limits = [each.throttled_by(during) for each in containers]
    allowed = [_tightest(each, during) for each in limits]
    periods = sum(float(np.nansum(each.periods[during])) for each in limits)
    throttled = sum(float(np.nansum(each.throttled[during])) for each in limits)
    share = percent(round(throttled / periods, 3) if periods else 0.0)
    said = f"{service_words(service)} was throttled {share} of the time: "
    if len(containers) == 1:
        return f"{said}{_whose(limits[0])} is {cores(allowed[0])}"
    same = len({*zip(allowed, (limit.cgroup for limit in limits), strict=True)}) == 1
    each_one = ", ".join(
        f"{each.name} {percent(round(limit.throttled_share(during), 3))}"
        f"{'' if same else f' of {cores(most)}'}{_around(limit) if not same else ''}"
        for each, limit, most in zip(containers, limits, allowed, strict=True)
    )
    one = f"the limit of each of its {written(len(limits))} containers is {cores(allowed[0])}"
    if limits[0].cgroup:
        one = f"{_whose(limits[0])} is {cores(allowed[0])} for all of them"
    return f"{said}{one if same else 'each container has its own limit'} ({each_one})"


def _whose(limit: CpuLimit) -> str:
    if not limit.cgroup:
        return "its limit"
    return f"the limit of {limit.cgroup}, the control group around it,"


def _around(limit: CpuLimit) -> str:
    return f" by {limit.cgroup} around it" if limit.cgroup else ""


def _finding(
    evidence: Evidence, grid: Any, name: str, containers: Sequence[ContainerCpu]
) -> PoolFinding:
    second = max(round(1 / grid_interval_s(evidence.plan)), 1)
    held = [_over(each.held_back(grid), second) for each in containers]
    worst = np.fmax.reduce(held)
    hit = worst >= HELD_BACK
    used_s = np.array([each.used_s for each in containers])
    known = ~np.isnan(used_s).all(axis=0)
    used = _over(np.where(known, np.nansum(used_s, axis=0), np.nan), second)
    spans = _over(np.diff(grid, prepend=grid[0] - (grid[1] - grid[0])) / NS_PER_S, second)
    limits = [each.throttled_by(np.ones(len(grid), dtype=bool)) for each in containers]
    periods = sum(float(np.nansum(each.throttled)) for each in limits)
    held_s = sum(float(np.nansum(each.held_s)) for each in containers)
    during = np.zeros(len(grid), dtype=bool)
    for place in np.flatnonzero(hit):
        during[max(place - second + 1, 0) : place + 1] = True
    saturated = intervals(grid, hit, second)
    pool = Pool(
        name=name,
        max=whole(sum(float(np.nanmax(each.cores)) for each in limits)),
        peak_used=whole(float(np.fmax.reduce(used / spans, initial=np.nan))),
        peak_pending=None,
        wait_p99_ms=None,
        wait_mean_ms=rounded(1e3 * held_s / periods, 1) if periods else 0.0,
        timeouts=None,
        **saturations(saturated, evidence.t0_ns),
        leaked=None,
        diagnosis=None if hit.any() else "not_measured" if np.isnan(worst).all() else "healthy",
    )
    said = throttling_words(containers[0].service, containers, during) if hit.any() else ""
    return PoolFinding(pool, said, saturated)


def _over(values: Any, length: int) -> Any:
    """Return the mean over the last intervals up to each; NaN where one of them is not known."""
    sums = np.convolve(values, np.ones(length))[: len(values)]
    sums[: length - 1] = np.nan
    return sums / length
