"""The capacity sum: what a plan asks for at its peak, against what there is, before it is sent.

Little's law: as many places of a pool are taken as requests come a second, times how long each
holds one. How long that is, and how much CPU a request takes, nobody knows before the first
rehearsal: both are assumed here, by what the reference app was measured to need on two cores.

What is told of waiting is a lower bound: of first tries alone, served in the order in which they
come. What is tried again, and what follows a purchase, is not in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.sections.generator import processes_of
from dress_rehearsal.records.machine import environment
from dress_rehearsal.rehearsal.preflight.doctor import checkup
from dress_rehearsal.rehearsal.preflight.finding import Status
from dress_rehearsal.rehearsal.preflight.forecast import TOGETHER, Times, busiest
from dress_rehearsal.reports.words import (
    agreeing,
    counted,
    offset,
    seconds,
    written,
)

SPAN_S: Final = 0.1
"""What is asked for at the peak is what comes within so many seconds."""
_APP_CPU_S: Final = 344e-6
_GENERATOR_CPU_S: Final = 178e-6
_REST_CPU_S: Final = 80e-6
"""[M] CPU of a request in a rush of the bundled plan, on two cores; assumed of any other. The rest:
stores, write-back, and what of the rehearsal is not the generator."""
_HOLDS_S: Final = {"PostgreSQL": 2e-3, "Redis": 0.5e-3}
"""[A] How long a request holds a connection."""
_OF_THE_MACHINE: Final = ("open files", "local ports", "firewall's table", "memory", "somaxconn")
"""What the doctor has found of the machine that a rush can use up."""


@dataclass(frozen=True, slots=True)
class Sum:
    """One thing that requests need, and whether there is enough of it.

    Attributes:
        status: `ok` there is; `warn` requests will wait for it; `fail` it cannot be performed.
        assumed: whether the sum rests on a value that nobody has measured here.
    """

    name: str
    says: str
    status: Status
    assumed: bool = False


def capacity(plan: Plan, times: Mapping[str, Times]) -> list[Sum]:
    """Return the sums of a plan, by its planned requests (`forecast.planned_times`)."""
    return [
        *_machine(plan),
        *_cpu(plan, times),
        *_workers(plan),
        *_room(plan, times),
        *_pools(plan, times),
    ]


def _machine(plan: Plan) -> Iterator[Sum]:
    for found in checkup(plan, sending=False):
        if found.check in _OF_THE_MACHINE:
            yield Sum(found.check, f"{found.needed} needed, there: {found.value}", found.status)


def _cpu(plan: Plan, times: Mapping[str, Times]) -> Iterator[Sum]:
    cores = _cores()
    asked = times[TOGETHER]
    yield _processor("generator", asked, _GENERATOR_CPU_S, *_playing(plan, cores))
    if plan.target.ours:
        of = counted(plan.app.workers, "worker")
        yield _processor("app", asked, _APP_CPU_S, min(float(plan.app.workers), cores), of)
        each_s = _APP_CPU_S + _GENERATOR_CPU_S + _REST_CPU_S
        of = f"with the stores, on {cores:g} {agreeing(cores, 'core')}"
        yield _processor("machine", asked, each_s, cores, of)


def _playing(plan: Plan, cores: float) -> tuple[float, str]:
    """Return how many cores play the students, and whose these are."""
    usable = environment(sending=False)["cores_usable"]
    here, elsewhere = processes_of(plan, plan.target.url or "", usable), plan.generator.workers
    of = "one process" if here == 1 else counted(here, "process", "processes")
    if here > cores:
        of += f" on {cores:g} {agreeing(cores, 'core')}"
    if elsewhere:
        of = (
            f"{of} here and {elsewhere:,} of other machines"
            if here
            else f"{elsewhere:,} of other machines"
        )
    return min(float(here), cores) + elsewhere, of


def _cores() -> float:
    machine = environment(sending=False)
    return float(min(machine["cores_usable"], machine["cpu_quota"] or float("inf")))


def _workers(plan: Plan) -> Iterator[Sum]:
    """Yield what a number of workers of our own app comes to: cores cap them, and each has pools of
    its own."""
    if not plan.target.ours:
        return
    app, cores = plan.app, _cores()
    number = app.workers
    shared = f"{counted(number, 'worker')} on {cores:g} {agreeing(cores, 'core')}"
    if number > cores:
        at_once = f"no more than {cores:g} of them work at a time, whatever their number"
    else:
        at_once = "more of them than cores serve no faster"
    if plan.target.stage == "embedded":
        at_once += ", and the generator and the stores use the same cores"
    yield Sum(
        "workers",
        f"{shared}: {at_once}; pools are of each worker, {number} × {app.postgres_pool} = "
        f"{written(number * app.postgres_pool)} connections to PostgreSQL with "
        f"{plan.reserved_connections} kept for others, of {written(plan.postgres.max_connections)} "
        f"(postgres.max_connections), and {number} × {app.redis_pool} = "
        f"{written(number * app.redis_pool)} to Redis",
        "ok",
    )


def _processor(name: str, when: Times, each_s: float, cores: float, of: str) -> Sum:
    peak = busiest(name, when, SPAN_S).peak / SPAN_S
    wait_s = longest_wait_s(when, cores / each_s)
    says = f"{peak * each_s:.2g} cores at the peak, at {1000 * each_s:.2g} ms a request; {of}"
    return Sum(f"CPU of the {name}", f"{says}{_waits(wait_s)}", _status(wait_s), assumed=True)


def _room(plan: Plan, times: Mapping[str, Times]) -> Iterator[Sum]:
    if plan.app.waiting_room == "off" or "join" not in times:
        return
    students, rate = plan.event.students, plan.app.admission_rate
    yield Sum(
        "waiting room",
        f"lets in {written(rate)} a second: the last of {counted(students, 'student')} after "
        f"{seconds(round(students / rate, 1))}; app.admission_cap = "
        f"{written(plan.app.admission_cap)} may make it longer",
        "ok",
    )


def _pools(plan: Plan, times: Mapping[str, Times]) -> Iterator[Sum]:
    buys = times.get("buy", np.empty(0))
    if not plan.target.ours:
        each = busiest("buy", buys, SPAN_S).peak / SPAN_S / 1000
        yield Sum(
            "pools of the app",
            f"not known here; by Little's law each millisecond that a purchase holds a connection "
            f"takes {each:.3g} of them at the peak",
            "ok",
            assumed=True,
        )
        return
    app, strategy = plan.app, plan.app.strategy
    sessions = [times[name] for name in ("log_in", "join", "buy") if name in times]
    redis = np.concatenate([np.empty(0), *sessions])
    yield _pool("Redis", redis, "logins and purchases", (app.workers, app.redis_pool))
    if app.enrolment == "external":
        asked = (app.workers, app.enrolment_limit)
        yield _pool("enrolment API", buys, "purchases", asked, app.enrolment_latency)
    if strategy.writes_back:
        yield Sum(
            "PostgreSQL",
            f"no purchase waits for it: {app.allocation} writes rows behind the answers, so "
            f"app.postgres_pool = {app.postgres_pool} changes nothing of how long buying takes",
            "ok",
        )
    else:
        granted = np.sort(buys)[: plan.event.tickets] if strategy.holders_in_redis else buys
        yield _pool("PostgreSQL", granted, "purchases", (app.workers, app.postgres_pool))


def _pool(
    name: str, when: Times, what: str, size: tuple[int, int], known_s: float | None = None
) -> Sum:
    """Return the sum of a pool by Little's law.

    Args:
        what: the requests that take a place of it.
        size: how many workers, and places of each.
        known_s: how long a request holds a place, where the plan says so; else it is assumed.
    """
    workers, each = size
    places = workers * each
    hold_s = _HOLDS_S[name] if known_s is None else known_s
    rate = busiest(name, when, SPAN_S).peak / SPAN_S
    wait_s = longest_wait_s(when, places / hold_s) if hold_s else 0.0
    bears = f"; a hold of {written(1000 * places / rate)} ms would take all" if rate else ""
    return Sum(
        name,
        f"{written(rate * hold_s)} of {written(places)} places ({workers} × {each}) taken at "
        f"{written(rate)} {what} a second, held for {1000 * hold_s:g} ms each{bears}"
        f"{_waits(wait_s)}",
        _status(wait_s),
        assumed=known_s is None,
    )


def longest_wait_s(when: Times, per_s: float) -> float:
    """Return how long the unluckiest waits at least where so many requests a second can be served.

    A fluid queue: what comes within each `SPAN_S` beyond what is served in it is waited for. That
    is a lower bound for a server that serves at that rate, in whatever order: in the order in which
    they come the longest wait is shortest, and what comes at once is smoothed over a span.
    """
    if not when.size:
        return 0.0
    spans = np.floor(when / SPAN_S + 1e-9).astype(np.int64)
    counts = np.bincount(spans - spans.min())
    surplus = np.concatenate([[0.0], np.cumsum(counts - per_s * SPAN_S)])
    backlog = surplus - np.minimum.accumulate(surplus)
    return float(backlog.max()) / per_s


def _status(wait_s: float) -> Status:
    return "warn" if wait_s >= SPAN_S else "ok"


def _waits(wait_s: float) -> str:
    return f"; somebody waits {seconds(round(wait_s, 1))} at least" if wait_s >= SPAN_S else ""


def peak_words(times: Mapping[str, Times]) -> str:
    """Return the busiest tenth of a second in words."""
    peak = busiest(TOGETHER, times[TOGETHER], SPAN_S)
    return (
        f"{written(round(peak.peak / SPAN_S))} requests a second at the peak: "
        f"{written(peak.peak)} in the 100 ms from {offset(peak.peak_s)}"
    )
