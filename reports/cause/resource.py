"""The resource: what the part that most time was lost by comes from, and what was seen of it.

A part says where a request waited, not on whom. Asked in this order: did a process stand still?
Did the target's own accept queue overflow? Did a container's CPU limit hold somebody back? Were the
CPUs busy, and with whose work? Were the event loops late where nobody answered, or in time though
requests waited to be taken up? Did a server, or another machine, run short behind an app that does
not say where its time goes? What answers first is the resource; else it is the part itself.

Busy CPUs explain no more than was lost by them. What a target that does not say where its time goes
took, or never answered, is theirs only where other steps' requests of the same seconds lost most of
it too (`reports.cause.shared_wait`); else it is the step's own.
"""

from typing import Final

import numpy as np

from dress_rehearsal.records.tables import CLIENT_POOLS, NS_PER_S
from dress_rehearsal.reports.cause.cpu_use import (
    CpuUse,
    Spans,
    cpu_use,
    cpu_words,
    share_at_rest,
    share_on_cpu,
)
from dress_rehearsal.reports.cause.decomposition import PARTS
from dress_rehearsal.reports.cause.new_connections import only_new_connections
from dress_rehearsal.reports.cause.scene import Found, Scene
from dress_rehearsal.reports.cause.shared_wait import FEWEST_BESIDE, shared_wait
from dress_rehearsal.reports.cause.throttling import throttled
from dress_rehearsal.reports.numbers import rounded
from dress_rehearsal.reports.pools.client import LOCKS
from dress_rehearsal.reports.pools.cpu_limits import CPU_LIMITS
from dress_rehearsal.reports.words import (
    UNSURE,
    milliseconds,
    percent,
    resource_words,
    seconds,
    written,
)

BUSY: Final = 0.9
"""From this share of all CPUs on there was no processor to spare."""

PROMPT_MS: Final = 50.0
"""A loop that is late by less has time: what waits then waits in front of it."""
DROPPED_SHARE: Final = 0.1
"""So many connections of the slowest requests' number have to have been dropped to be why."""
BLOCKED_SHARE: Final = 0.5
"""A late loop whose thread ran, or was ready to, for less of the time did not lack a processor."""
EXPLAINED_SHARE: Final = 0.5
"""Busy CPUs that can explain less of a loss are not its cause."""
_TRIED_AGAIN_S: Final = 7.0
"""Whose connection was dropped is there by the third try of its kernel, after 1, 2 and 4 s."""
LATE_MS: Final = 250.0
"""A loop that is so late may be why nobody answered."""

RESOURCES: Final = (
    *(part for part in PARTS if part != "rest"),
    "cpu",
    "app_queue",
    "accept_queue",
    "network",
    "stopped_process",
    *CPU_LIMITS,
)
"""Every word that `Bottleneck.resource` may be."""

_ANYWHERE: Final = ("app_loop", "rest", "target", "unanswered", "connect")
"""Parts that say where a request was, but not what it waited for there."""

_SAYS_NOTHING: Final = ("rest", "target", "unanswered")
"""Those of them that do not even say that it waited for something which others wait for too."""


def resource_of(scene: Scene) -> Found:
    """Return what the dominant part comes from."""
    questions = (_stood_still, _overflowed, throttled, _busy_cpu, _late_loops, _waits_outside)
    for question in questions:
        found = question(scene)
        if found is not None:
            return found
    if (short := _short_outside(scene)) is not None:
        return short
    resource = "network" if scene.part == "rest" else scene.part
    though_busy = _though_busy(scene)
    if scene.part == "unanswered":
        seen = "no answer came" + (though_busy or ", and nothing was seen to saturate")
        return Found(resource, seen)
    return Found(resource, _seen(scene) + though_busy)


def _stood_still(scene: Scene) -> Found | None:
    stop = scene.stop
    if stop is None:
        return None
    lasted = seconds(round(stop.lasted_s, 1))
    return Found("stopped_process", f"{stop.name} gave no sign of life for {lasted}")


def _overflowed(scene: Scene) -> Found | None:
    queue = scene.pools.get("accept_queue")
    since_ns = scene.from_ns - round(_TRIED_AGAIN_S * NS_PER_S)
    if queue is None or not queue.saturated.meets(since_ns, scene.until_ns):
        return None
    late = scene.part == "connect"
    most = DROPPED_SHARE * len(scene.slow.rows)
    dropped = scene.part in ("app_loop", "unanswered") and (queue.pool.timeouts or 0) >= most
    return Found("accept_queue", queue.evidence) if late or dropped else None


def _busy_cpu(scene: Scene) -> Found | None:
    awaited = scene.part in _ANYWHERE or _unexplained(scene)
    if not awaited or _blocked(scene):
        return None
    used = _used(scene)
    if used.share < BUSY or _rested(scene) or _by_new_connections(scene):
        return None
    seen = cpu_words(used)
    if _unexplained(scene):
        seen += f"; it shows as waits for {resource_words(scene.part)}, {_pool_seen(scene)}"
    if scene.part not in _SAYS_NOTHING:
        on_cpu = _on_cpu(scene)
        return Found("cpu", seen, 1.0 if on_cpu is None else on_cpu)
    shared = shared_wait(scene.evidence, scene.slow, scene.part)
    if shared is None:
        if scene.part == "unanswered":
            return None
        seen += "; too few requests of other steps were under way to tell whether that is why"
        return Found("cpu", seen, UNSURE)
    if shared.most < EXPLAINED_SHARE:
        return None
    if shared.likely <= UNSURE:
        took = milliseconds(rounded(shared.beside.middle_ms, 1))
        seen += (
            f"; but at half of the other steps or more nine of ten requests took {took} or less "
            f"meanwhile, so it may be something that the slow ones have to themselves"
        )
    return Found("cpu", seen, shared.likely)


def _used(scene: Scene) -> CpuUse:
    """Return what was used of the CPUs while the slowest were under way, by what each lost."""
    return cpu_use(scene.evidence, spans_of(scene))


def spans_of(scene: Scene) -> Spans:
    """Return when the slowest were under way, by what each lost to the part; what they lost to the
    generator was before."""
    rows = scene.slow.rows
    lost_ms = rows[scene.part].to_numpy() + 1e-6
    sent_ns = rows["sent_ns"].to_numpy()
    if scene.part == "generator":
        return Spans(sent_ns - 1e6 * lost_ms, sent_ns, lost_ms)
    return Spans(sent_ns, rows["done_ns"].to_numpy(), lost_ms)


def _rested(scene: Scene) -> str:
    """Return words for an app that lacked no processor meanwhile; empty where it may have."""
    if scene.part not in _SAYS_NOTHING:
        return ""
    share = share_at_rest(scene.evidence, spans_of(scene))
    if share < EXPLAINED_SHARE:
        return ""
    return (
        f"for {percent(round(share, 3))} of that time the app neither used a CPU nor waited for "
        f"one: it stood still, or waited for something else"
    )


def _though_busy(scene: Scene) -> str:
    """Return why CPUs that were busy are not what a part was lost to; nothing where none were."""
    if scene.part not in _SAYS_NOTHING:
        return ""
    if fresh := _by_new_connections(scene):
        return f"; {fresh}"
    if (used := _used(scene)).share < BUSY:
        return ""
    if rested := _rested(scene):
        return f"; {cpu_words(used)}, but {rested}"
    shared = shared_wait(scene.evidence, scene.slow, scene.part)
    if shared is None:
        return f"; {cpu_words(used)}, but too few requests of other steps tell whether that is why"
    took = milliseconds(rounded(shared.beside.longest_ms, 1))
    return (
        f"; at {scene.slow.step}; {cpu_words(used)}, which explains at most "
        f"{percent(round(shared.most, 3))} of it, for nine of ten requests of every other step "
        f"with at least {FEWEST_BESIDE} then took {took} or less"
    )


def _unexplained(scene: Scene) -> bool:
    """Return whether the part is a pool that nothing about itself explains the waiting for.

    Its holders had no processor: a larger pool would only have had more of them wait. A lock is
    none: it lets one in at a time, whatever else is short.
    """
    own = scene.part in set(CLIENT_POOLS) - LOCKS or scene.part in scene.load.foreign.pools
    found = scene.pools.get(scene.part) if own else None
    return found is not None and found.pool.diagnosis is None and not found.pool.leaked


def _by_new_connections(scene: Scene) -> str:
    """Return words for what somebody else's target lost with new connections alone."""
    if scene.part != "target":
        return ""
    return only_new_connections(scene.evidence, scene.slow)


def _late_loops(scene: Scene) -> Found | None:
    """Return the loops, where requests ended without an answer while these were late."""
    if scene.part != "unanswered" or _peak_lag_ms(scene) < LATE_MS:
        return None
    return Found("app_loop", f"event loops ran up to {milliseconds(_peak_lag_ms(scene))} late")


def _short_outside(scene: Scene) -> Found | None:
    """Return what ran short behind an app that does not say where its time goes: a server's
    connections, or processors of another machine or a container, by their own metrics.

    What waits for a pool cost is a part of its own where the pool tells of them, and less was lost
    to it: such a pool is not why.
    """
    if scene.part not in _ANYWHERE or scene.evidence.t0_ns is None:
        return None
    entries = {metrics.name for metrics in scene.evidence.plan.metrics}
    short = [
        found
        for name, found in scene.pools.items()
        if name.partition(".")[0] in entries
        and name not in scene.load.foreign.pools
        and found.saturated.meets(scene.from_ns, scene.until_ns)
    ]
    first = min(short, key=lambda found: found.pool.saturated_at_s or 0.0, default=None)
    if first is None:
        return None
    return Found(first.pool.name, first.during(scene.from_ns, scene.until_ns))


def _waits_outside(scene: Scene) -> Found | None:
    """Return what a request waits for in front of the app, where its loops had time for it."""
    lag_ms = _peak_lag_ms(scene)
    if scene.part != "app_loop" or lag_ms >= PROMPT_MS:
        return None
    queue = scene.pools.get("accept_queue")
    most = None if queue is None else queue.pool.peak_used
    long = (
        "" if most is None else f", and the kernel's accept queue was at most {written(most)} long"
    )
    return Found("app_queue", f"event loops ran at most {milliseconds(lag_ms)} late{long}")


def _seen(scene: Scene) -> str:
    """Return what was to be seen of a part that is its own resource."""
    part = scene.part
    pooled = part in CLIENT_POOLS or part in scene.load.foreign.pools
    if pooled and part in scene.pools and scene.pools[part].evidence:
        return _pool_seen(scene)
    waits_ms = scene.slow.rows[part]
    waited = waits_ms[waits_ms > 0]  # of the others it took nothing
    median_ms = float((waits_ms if waited.empty else waited).median())
    each = f"{milliseconds(rounded(median_ms, 1))} in the median"
    words = {
        "app_loop": f"event loops ran up to {milliseconds(_peak_lag_ms(scene))} late"
        f"{_blocked(scene)}",
        "lock_wait": f"transactions waited for a lock that another held, {each}",
        "database": f"in PostgreSQL, {each}",
        "postgres_connect": f"until a new connection to PostgreSQL was there, {each}",
        "redis_server": f"in Redis, {each}",
        "redis_connect": f"until a new connection to Redis was there, {each}",
        "external": f"in what the app asks of others, {each}",
        "target": f"in the target, whose answers do not say where, {each}",
        "app_code": f"in the app's own code, outside of every store, {each}",
        "generator": f"the generator was late, {each}",
        "rest": f"in none of the app's own parts, {each}",
        "connect": f"connections{_with_tls(scene)} took {each} to be made, and no full accept "
        f"queue was seen",
    }
    return words.get(part, f"waiting for it, {each}")


def _with_tls(scene: Scene) -> str:
    url = scene.evidence.plan.target.url or ""
    return ", with their TLS handshakes," if url.startswith("https:") else ""


def _pool_seen(scene: Scene) -> str:
    """Return the pool that the part is, in the second in which most waited for it."""
    return scene.pools[scene.part].during(scene.from_ns, scene.until_ns)


def _blocked(scene: Scene) -> str:
    """Return words for late loops that something other than a lack of processors held up."""
    share = _on_cpu(scene)
    if share is None or share >= BLOCKED_SHARE:
        return ""
    return (
        f", though they used a CPU or waited for one for only {percent(round(share, 3))} of that "
        f"time: something blocks them, such as a sleep, a lock or a disk"
    )


def _on_cpu(scene: Scene) -> float | None:
    """Return for which share of late loops' time the latest had a CPU or waited for one."""
    if scene.part != "app_loop":
        return None
    grid_ns = scene.load.grid_ns
    during = grid_ns[(grid_ns >= scene.from_ns) & (grid_ns <= scene.until_ns)]
    return share_on_cpu(scene.evidence, during, PROMPT_MS / 1e3)


def _peak_lag_ms(scene: Scene) -> float:
    grid_ns = scene.load.grid_ns
    lags = scene.load.lag_s.values[(grid_ns >= scene.from_ns) & (grid_ns <= scene.until_ns)]
    return round(1e3 * float(np.fmax.reduce(lags, initial=0.0)), 1)
