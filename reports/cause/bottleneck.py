"""The bottleneck: where the slowest tenth of the requests lost most of their time.

Purchases are looked at first; only where they were fast enough, the other steps. What saturated,
and when, is the evidence for it, not the ranking: a pool may be full and nobody the worse for it.

Nothing is a bottleneck where 99% of the requests took less than `slowest.SLOW_MS`. How sure it is:
the share of a hundred resamples of the students (a bootstrap) in which the same part is largest,
times how much of the loss its resource is likely to explain (`scene.Found`).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from dress_rehearsal.plans import Plan
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.cause.attribution import within
from dress_rehearsal.reports.cause.bands import bands_of, slowest_requests
from dress_rehearsal.reports.cause.cpu_use import CpuUse, cpu_use
from dress_rehearsal.reports.cause.decomposition import inferred_parts, parts_in
from dress_rehearsal.reports.cause.extent import NEGLIGIBLE_MS, extent_of
from dress_rehearsal.reports.cause.failures import failures
from dress_rehearsal.reports.cause.load import Load, read_load
from dress_rehearsal.reports.cause.resource import resource_of, spans_of
from dress_rehearsal.reports.cause.scene import Scene
from dress_rehearsal.reports.cause.server_timing import said_means
from dress_rehearsal.reports.cause.slowest import (
    BEFORE_T0_S,
    SLOW_MS,
    Slowest,
    slowest_other,
    slowest_purchases,
)
from dress_rehearsal.reports.cause.stops import Stop, find_stops
from dress_rehearsal.reports.cause.unheard import CAUSE, undecided_by, unheard
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.numbers import rounded
from dress_rehearsal.reports.part import Band, SlowRequest
from dress_rehearsal.reports.pools import PoolFinding, run_grid
from dress_rehearsal.reports.schema import Bottleneck, Pool
from dress_rehearsal.reports.words import (
    agreeing,
    bottleneck_words,
    counted,
    milliseconds,
    offset,
    percent,
    resource_words,
    seconds,
    written,
)

NO_CAUSE: Final = f"{CAUSE}: none"
"""How the line begins where nothing was slow; what could not be decided says so instead."""
_RESAMPLES: Final = 100
_BINS_PER_S: Final = 4
_STOPPED_SHARE: Final = 1 / 3
_OWN_WORD: Final = ("generator", "connect")
"""Parts that the generator itself knows of, whatever the app's workers say."""
_HOW: Final = {
    "undersized": ", which is too small",
    "slow_holder": ", whose connections were held for long",
    "nested_acquire": ", whose holders waited for a second connection",
    "lock_wait": ", whose holders waited for a lock",
}
"""What a pool's diagnosis says of why it was waited for."""


@dataclass(frozen=True, slots=True)
class CauseFinding:
    """Where the time went, and the one line that says why.

    Attributes:
        bottleneck: None where nothing was slow, or where it could not be decided.
        lost_ms: the mean of each part over the slowest tenth of the purchases, in ms; they add up
            to the mean of what these felt. Empty without purchases.
        cause: one sentence.
        decided: whether it is known where time was lost, be it nowhere.
        estimated: parts of lost_ms that are estimated, from what pools tell of all their waits or
            from where the requests under way were while some were never answered.
        not_known: pools that requests may have waited for, of which nothing tells.
        bands: where the purchases, and the requests that the cause is about, spent their time.
        slowest: the slowest requests to buy, then those of other steps.
        cpu: what was used of the CPUs while the slowest tenth lost their time; None where that is
            not known to be lost to anything.
    """

    bottleneck: Bottleneck | None
    lost_ms: dict[str, float]
    cause: str
    decided: bool = True
    estimated: tuple[str, ...] = ()
    not_known: tuple[str, ...] = ()
    bands: tuple[Band, ...] = ()
    slowest: tuple[SlowRequest, ...] = ()
    cpu: CpuUse | None = None


def find_cause(evidence: Evidence, pools: Sequence[PoolFinding]) -> CauseFinding:
    """Return where the slowest requests lost their time, and the cause in one line.

    Args:
        pools: what was found of each pool, the evidence.
    """
    grid = run_grid(evidence)
    if evidence.t0_ns is None or not len(grid):
        unknown = f"{CAUSE}: not known, for nothing was measured after a T-0."
        slowest = slowest_requests(evidence, None)
        return CauseFinding(None, {}, unknown, decided=False, slowest=slowest)
    load = read_load(evidence, grid)
    slowest = slowest_requests(evidence, load)
    bought = slowest_purchases(evidence, load)
    other = None if bought is not None and bought.is_slow else slowest_other(evidence, load)
    found = _find(evidence, load, pools, bought, other)
    inferred = inferred_parts(bought.rows) if bought is not None else []
    estimated = tuple(
        name for name in found.lost_ms if name in load.foreign.pools or name in inferred
    )
    not_known = load.foreign.unknown if found.lost_ms else ()
    return dataclasses.replace(
        found,
        estimated=estimated,
        not_known=not_known,
        bands=tuple(band for step in (bought, other) if step for band in bands_of(evidence, step)),
        slowest=slowest,
    )


def _find(
    evidence: Evidence,
    load: Load,
    pools: Sequence[PoolFinding],
    bought: Slowest | None,
    other: Slowest | None,
) -> CauseFinding:
    """Return the cause.

    Args:
        bought: the purchases; other: the slowest other step, where these were fast enough.
    """
    assert evidence.t0_ns is not None
    lost = {} if bought is None else _kept(bought.lost_ms)
    slow = bought if bought is not None and bought.is_slow else other
    undecided = undecided_by(evidence)
    if undecided is not None:
        return CauseFinding(None, lost, undecided, decided=False)
    if slow is None:
        failed = failures(evidence)
        decided = failed is not None or bought is not None
        if failed is None and evidence.plan.load is not None and not evidence.requests.empty:
            return CauseFinding(None, lost, f"{NO_CAUSE}; no kind of request was slow.")
        return CauseFinding(None, lost, failed or _nothing_slow(bought), decided)
    if slow is not bought:
        failed = failures(evidence, more_than=slow.slow_once_sent)
        if failed is not None:  # more were turned away at once than waited elsewhere
            return CauseFinding(None, lost, failed)
    part = str(slow.lost_ms.idxmax())
    stop = _costliest(find_stops(evidence), slow)
    silent = None if stop is not None or part in _OWN_WORD else unheard(evidence, slow)
    if silent is not None:
        return CauseFinding(None, lost, silent, decided=False)
    since_s, until_s = _when(evidence.t0_ns, slow, part, stop)
    from_ns, until_ns = (evidence.t0_ns + round(at * NS_PER_S) for at in (since_s, until_s))
    by_name = {finding.pool.name: finding for finding in pools}
    scene = Scene(evidence, load, slow, part, stop, by_name, from_ns, until_ns)
    resource, seen, explains = resource_of(scene)
    extent = extent_of(evidence, load, slow, part, resource, (from_ns, until_ns))
    seen = f"{seen}; {extent.counts}" if extent.counts else seen
    seen += _while_waiting(evidence, slow)
    lost_s = slow.lost_ms
    share = float(lost_s[part] / lost_s.sum()) if stop is None else _share_of(stop, slow)
    whole = milliseconds(rounded(float(lost_s.sum()), 1))
    of_pool = part in load.foreign.pools and stop is None
    inferred = part in inferred_parts(slow.rows) and stop is None
    about = "about " if of_pool or inferred else ""
    if of_pool:
        seen += (
            "; the share is estimated from the pool's own waits, for the answers do not say where "
            "their time went"
        )
    elif inferred:
        seen += (
            f"; the share is estimated, for {written(int(slow.rows['silent'].sum()))} of these "
            f"{counted(len(slow.rows), 'request')} had no answer that says where its time went"
        )
    bottleneck = Bottleneck(
        resource=resource,
        since_s=rounded(since_s, 2) or 0.0,
        until_s=rounded(until_s, 2),
        share=rounded(share),
        certainty=rounded(_certainty(slow, part, evidence.plan) * explains),
        lost_ms=rounded(float(lost_s[part])),
        step=slow.step,
        worker=extent.worker,
        evidence=(
            f"{about}{percent(share)} of the {whole} that the slowest tenth of "
            f"{_counted(slow)} took{extent.where}: {seen}."
        ),
    )
    pool = by_name[resource].pool if resource in by_name else None
    line = _line(slow, bottleneck, pool, extent.where, seen)
    return CauseFinding(bottleneck, lost, line, cpu=cpu_use(evidence, spans_of(scene)))


def _while_waiting(evidence: Evidence, slow: Slowest) -> str:
    """Return for which pool the slowest waited during most of it, by their answers; or nothing."""
    said = said_means(evidence, np.sort(slow.places[slow.rows.index]))
    lost = {str(name): float(ms) for name, ms in slow.lost_ms.items()}
    waited = within(lost, said)
    if waited is None:
        return ""
    whole = milliseconds(rounded(sum(lost.values()), 1))
    return (
        f"; of the {whole} that the slowest tenth took on average, {waited.shown} passed in "
        f"waiting for {resource_words(waited.pool)}"
    )


def _costliest(stops: Sequence[Stop], slow: Slowest) -> Stop | None:
    """Return the stop that much of what the slowest lost fell into, None without one.

    What had piled up by its end makes them wait on, so it need not be most of it.
    """
    worst = max(stops, key=lambda stop: _share_of(stop, slow), default=None)
    return worst if worst is not None and _share_of(worst, slow) >= _STOPPED_SHARE else None


def _share_of(stop: Stop, slow: Slowest) -> float:
    """Return which share of the slowest requests' time fell into a stop."""
    sent, done = slow.rows["sent_ns"].to_numpy(), slow.rows["done_ns"].to_numpy()
    inside = np.minimum(done, stop.until_ns) - np.maximum(sent, stop.from_ns)
    return float(np.clip(inside, 0, None).sum() / max(float((done - sent).sum()), 1.0))


def _when(t0_ns: int, slow: Slowest, part: str, stop: Stop | None) -> tuple[float, float]:
    """Return from when until when requests lost most to the part, in seconds from T-0.

    By the requests sent in each quarter of a second; to the answer of the last of them.
    """
    if stop is not None:
        return (stop.from_ns - t0_ns) / NS_PER_S, (stop.until_ns - t0_ns) / NS_PER_S
    every = slow.every
    bins = np.floor((every["sent_ns"] - t0_ns) / NS_PER_S * _BINS_PER_S).astype(int)
    means = every[parts_in(every)].groupby(bins).mean()
    # A stumble does not show when it began.
    least = max(NEGLIGIBLE_MS, 0.25 * float(slow.lost_ms[part]))
    hit = means.index[(means.idxmax(axis="columns") == part) & (means[part] >= least)]
    chosen = bins.between(hit.min(), hit.max()) if len(hit) else bins.notna()
    rows: pd.DataFrame = every[chosen] if len(hit) else slow.rows
    since_s = hit.min() / _BINS_PER_S if len(hit) else (rows["sent_ns"].min() - t0_ns) / NS_PER_S
    until_s = (rows["done_ns"].max() - t0_ns) / NS_PER_S
    return max(float(since_s), -BEFORE_T0_S), float(until_s)


def _certainty(slow: Slowest, part: str, plan: Plan) -> float:
    """Return in how many re-samples of the students the part is the largest; of the requests in a
    load of none."""
    rng = np.random.default_rng(plan.seed)
    parts = parts_in(slow.rows)
    whose = slow.rows["student"] if plan.load is None else np.arange(len(slow.rows))
    sums = slow.rows.groupby(whose)[parts].sum().to_numpy()
    drawn = rng.integers(0, len(sums), (_RESAMPLES, len(sums)))
    largest = [int(sums[sample].sum(axis=0).argmax()) for sample in drawn]
    return float(np.mean(np.array(largest) == parts.index(part)))


def _line(slow: Slowest, found: Bottleneck, pool: Pool | None, where: str, seen: str) -> str:
    """Return the cause in one line, with what came of it."""
    failed = slow.every[slow.every["outcome"].isin(["failed", "unknown"])]
    came = f"1% of requests {_to(slow)} took {seconds(round(slow.p99_ms / 1e3, 2))} or longer"
    if len(failed):
        ends = {"failed": "failed", "unknown": "got no answer"}
        how = " or ".join(word for end, word in ends.items() if (failed["outcome"] == end).any())
        median_s = seconds(round(float(failed["felt_ms"].median()) / 1e3, 2))
        came = f"{written(len(failed))} of {_counted(slow)} {how}, in the median after {median_s}"
    what = bottleneck_words(found.resource, found.certainty)
    if pool is not None and pool.leaked:
        alone = where if found.worker else ""  # who waits need not be who leaked
        leaked = f"{written(pool.leaked)} of {written(pool.max)} {agreeing(pool.max, 'connection')}"
        return f"{CAUSE}: {what} leaked {leaked}{alone}; {came}."
    how = "" if pool is None else _HOW.get(pool.diagnosis or "", "")
    since = offset(found.since_s)
    return f"{CAUSE}: {what}{how}{where}, from {since} on ({seen}); {came}."


def _nothing_slow(bought: Slowest | None) -> str:
    if bought is None:
        since = offset(-BEFORE_T0_S)
        return (
            f"{CAUSE}: not known, for of no purchase from {since} on it is known how long it took."
        )
    waited = milliseconds(rounded(bought.p99_ms))
    few = int((bought.every["felt_ms"] >= SLOW_MS).sum())
    named = ("purchase", "purchases")
    if not bought.buying:
        named = (f"request {_to(bought)}", f"requests {_to(bought)}")
    if bought.p99_ms >= SLOW_MS:
        took = f"took {milliseconds(SLOW_MS)} or longer, too few to tell a cause by"
        who = f"{written(few)} {agreeing(few, *named)}"
        return f"{NO_CAUSE}; only {who} {took}; 1% waited {waited} or longer."
    return f"{NO_CAUSE}; 1% of {named[1]} waited {waited} or longer."


def _to(slow: Slowest) -> str:
    return "to buy" if slow.buying else f"of {slow.step}"


def _counted(slow: Slowest) -> str:
    """Return how many requests were looked at, and from when on where there were more."""
    since = f" from {offset(-BEFORE_T0_S)} on" if slow.earlier else ""
    return f"{counted(len(slow.every), 'request')} {_to(slow)}{since}"


def _kept(lost: "pd.Series[float]") -> dict[str, float]:
    return {str(name): rounded(float(value)) or 0.0 for name, value in lost.items()}
