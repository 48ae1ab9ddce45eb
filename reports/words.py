"""The words of the report: how every number, moment, pool and verdict is written for people.

One quantity is written in one way wherever people read it: in the verdict's sentences, on the
screen, on the page and in its figures, in the summary and in messages. It keeps the unit that the
verdict keeps it in, so no digit that a limit was held against is lost on the way; long waits alone
(`felt`) are told in seconds where nothing hangs on a further digit.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Final, Protocol

from dress_rehearsal.plans import Plan
from dress_rehearsal.reports.part import Band
from dress_rehearsal.reports.schema import Status

_zero: Final = ContextVar("zero", default="T-0")

BELIEF: Final = "Can it be believed?"
APP_OR_MACHINE: Final = "App or test machine?"
UNTOLD: Final = "Cannot be told from this run"
THE_APP: Final = "The app:"
TEST_MACHINE: Final = "The test machine:"
"""How answers to that begin."""
NOT_MEASURED: Final = "not measured"
NOT_APPLICABLE: Final = "does not apply"
"""What stands for a number of something that this rush did not have."""
EMPTY: Final = "—"
"""What stands in a table's cell that has no number."""
UNSURE: Final = 0.5
"""A bottleneck with no more certainty than this is perhaps one."""

HEADLINES: Final[dict[Status, str]] = {
    "pass": "It held",
    "fail": "It does not hold",
    "inconclusive": "This run decides nothing",
}
_LONG_MS: Final = 10_000.0
_NEAR: Final = 0.01
"""Times that differ by a smaller share may be the same with three digits."""
SIGNS: Final[dict[Status, str]] = {"pass": "✅", "fail": "❌", "inconclusive": "❔"}

_RESOURCES: Final = {
    "generator": "the generator's own lateness",
    "app_loop": "the app's event loops",
    "postgres": "the PostgreSQL pool",
    "redis": "the Redis pool",
    "redis_lock": "the sale's lock in Redis",
    "sqs": "the calls to the queue (SQS)",
    "kafka": "the sends to the topic (Kafka)",
    "enrolment": "the calls to the enrolment API",
    "lock_wait": "waits for a lock in PostgreSQL",
    "database": "PostgreSQL itself",
    "postgres_connect": "making connections to PostgreSQL",
    "redis_server": "Redis itself",
    "redis_connect": "making connections to Redis",
    "external": "what the app asks of others",
    "app_code": "the app's own code",
    "target": "the target, which does not say where",
    "unanswered": "requests that were never answered",
    "connect": "making connections",
    "cpu": "the CPU",
    "app_cpu_limit": "the app's CPU limit",
    "nginx_cpu_limit": "nginx's CPU limit",
    "postgres_cpu_limit": "PostgreSQL's CPU limit",
    "redis_cpu_limit": "Redis' CPU limit",
    "kafka_cpu_limit": "Kafka's CPU limit",
    "sqs_cpu_limit": "the queue service's CPU limit",
    "writeback_cpu_limit": "the write-back's CPU limit",
    "neighbours_cpu_limit": "the neighbours' CPU limit",
    "app_queue": "the wait until the app takes a request up",
    "accept_queue": "the kernel's accept queue",
    "network": "the answers' way back, once the app had done its work",
    "rest": "the answers' way back, once the app had done its work",
    "stopped_process": "a process that stood still",
}
"""What requests lose their time to, as a sentence names it (`reports.cause`)."""

SERVER_PARTS: Final = {
    "queue": "waiting for a worker",
    "pool": "waiting for a connection",
    "db_connect": _RESOURCES["postgres_connect"],
    "db": _RESOURCES["database"],
    "redis_connect": _RESOURCES["redis_connect"],
    "redis": _RESOURCES["redis_server"],
    "external": _RESOURCES["external"],
    "app": "all the time in the app",
}
"""What an answer's `Server-Timing` tells of, by its names."""

_SERVICES: Final = {
    "app": "the app",
    "postgres": "PostgreSQL",
    "redis": "Redis",
    "kafka": "Kafka",
    "sqs": "the queue service",
    "writeback": "the write-back",
    "neighbours": "the app's neighbours",
}


def written(value: float | None) -> str:
    """Return a number: 5212 as "5,212", 12.345 as "12.3", None as "not measured"."""
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"


def cell(value: float | None, words: Callable[[float], str] = written) -> str:
    """Return a number as a table's cell, in the words of its kind; `EMPTY` for None."""
    return EMPTY if value is None else words(value)


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun: "1 ticket", "5,212 tickets"."""
    return f"{number:,} {agreeing(number, one, many)}"


def agreeing(number: float | None, one: str, many: str | None = None) -> str:
    """Return the word that goes with a number written before it: the noun of which it is a count,
    or the verb of whose subject it is."""
    return one if number == 1 else many or f"{one}s"


def bound_words(words: str, *, at_least: bool) -> str:
    """Return a number's words, and that it is a lower bound where it is one."""
    return f"at least {words}" if at_least else words


def span_words(
    low: float | None, high: float | None, words: Callable[[float], str] = written
) -> str:
    """Return from where to where a number may lie, as a table's cell: "1.2 ms to 3.4 ms", or where
    it has no end "1.2 ms or more"."""
    if low is None:
        return EMPTY
    return f"{words(low)} or more" if high is None else f"{words(low)} to {words(high)}"


def bucket_words(low_ms: float, high_ms: float | None) -> str:
    """Return what a histogram's bucket knows of a time that fell into it: "5,000 to 8,000 ms",
    "at most 0.1 ms" of the first one, "over 15,000 ms" of the last."""
    if high_ms is None:
        return f"over {milliseconds(low_ms)}"
    if low_ms <= 0:
        return f"at most {milliseconds(high_ms)}"
    return f"{written(low_ms)} to {milliseconds(high_ms)}"


class WaitP99(Protocol):
    """What is known of the wait that 1% of a pool's waits were longer than."""

    @property
    def wait_p99_ms(self) -> float | None: ...
    @property
    def wait_p99_low_ms(self) -> float | None: ...
    @property
    def wait_p99_high_ms(self) -> float | None: ...


def wait_p99_words(pool: WaitP99) -> str:
    """Return how long all but 1% waited for a pool at most, as a table's cell: measured, or what a
    histogram's bucket knows of it."""
    if pool.wait_p99_ms is None or pool.wait_p99_low_ms is None:
        return cell(pool.wait_p99_ms, milliseconds)
    return bucket_words(pool.wait_p99_low_ms, pool.wait_p99_high_ms)


def milliseconds(value_ms: float | None) -> str:
    """Return a latency, a wait or a delay: "0.4 ms", "1,542.5 ms"."""
    shown = written(value_ms)
    return shown if shown == NOT_MEASURED else f"{shown} ms"


def felt(value_ms: float | None, beside_ms: float | None = None) -> str:
    """Return how long somebody waited, from ten seconds on in seconds: "1,542.5 ms", "10.5 s".

    Args:
        beside_ms: what it is held against, a limit. So near to it that a rounded number could
            seem to be on its other side, or at it, no digit is left out.
    """
    if value_ms is None or not _LONG_MS <= abs(value_ms) < math.inf:
        return milliseconds(value_ms)
    if beside_ms is not None and abs(value_ms - beside_ms) <= _NEAR * abs(value_ms):
        return milliseconds(value_ms)
    return f"{value_ms / 1e3:,.{1 if abs(value_ms) < 10 * _LONG_MS else 0}f} s"


def seconds(value_s: float | None) -> str:
    """Return a span of the run: "0.25 s", "12.3 s"."""
    shown = written(value_s)
    return shown if shown == NOT_MEASURED else f"{shown} s"


def exactly(value: float, unit: str) -> str:
    """Return a number with as many digits as it is kept with: "500.041 ms", "199.96/s"."""
    digits = f"{Decimal(str(value)):,f}"
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return f"{digits}{unit}" if unit in ("", "/s") else f"{digits} {unit}"


def quantity(value: float | None, unit: str) -> str:
    """Return a number in the unit that it is kept in: `ms`, `s`, `/s`, or none for a plain one."""
    if unit == "ms":
        return milliseconds(value)
    if unit == "/s":
        return NOT_MEASURED if value is None else f"{written(value)}/s"
    return seconds(value) if unit == "s" else written(value)


def offset(value_s: float) -> str:
    """Return a moment on T-0's axis: "T-0", "T-0 + 3.2 s", "T-0 − 0.4 s"."""
    zero = _zero.get()
    if abs(value_s) < 0.0005:
        return zero
    return f"{zero} {'−' if value_s < 0 else '+'} {seconds(abs(value_s))}"


@contextmanager
def zero_named(plan: Plan, *, has_t0: bool = True) -> Iterator[None]:
    """Have `offset` call zero by its name within this context: a load without students, which opens
    no sale, counts from its start; a run that ended before T-0 was fixed from its first request."""
    token = _zero.set("start" if plan.load is not None else "T-0" if has_t0 else "first request")
    try:
        yield
    finally:
        _zero.reset(token)


def percent(part: float, whole: float = 1.0) -> str:
    """Return a share of the whole, to three digits: "1.25%", "100%"."""
    share = 100 * part / whole
    return f"{share:.3g}%" if abs(share) < 1000 else f"{share:,.0f}%"


def resource_words(name: str) -> str:
    """Return a cause of lost time as a sentence names it: "the PostgreSQL pool"."""
    return _RESOURCES.get(name, f"the pool {name}" if "." in name else name)


def bottleneck_words(resource: str, certainty: float | None) -> str:
    """Return a cause of lost time, and that it is one perhaps: "perhaps the CPU"."""
    unsure = certainty is not None and certainty <= UNSURE
    return f"{'perhaps ' if unsure else ''}{resource_words(resource)}"


def given_up_words(share: float) -> str:
    """Return why a percentile is a lower bound: so many requests nobody waited for any longer."""
    return f"{percent(share)} of the requests were given up unanswered"


def where_unknown(band: Band) -> str:
    """Return why nobody knows where most of a band's time went, empty where answers said so."""
    if 2 * band.estimated <= band.requests:
        return ""
    return (
        f"{written(band.estimated)} of {written(band.requests)} had no answer that says where "
        f"their time went, so that is only estimated"
    )


def service_words(name: str) -> str:
    """Return a service of the stage as a sentence names it."""
    return _SERVICES.get(name, name)


def fault_words(title: str) -> str:
    """Return a fault of the plan or the timeline: "leak", or "latency (PostgreSQL)"."""
    name, _, service = title.partition(" ")
    return f"{name} ({service_words(service)})" if service else name


def cores(number: float) -> str:
    """Return how much CPU a limit lets be used: "1 CPU", "0.1 CPUs"."""
    return f"{written(number)} {'CPU' if number == 1 else 'CPUs'}"


def memory_size(size: float) -> str:
    """Return a size in memory: "256 MiB"."""
    return f"{written(round(size / 2**20, 1))} MiB"


def capitalized(words: str) -> str:
    """Return words as they begin a line."""
    return words[:1].upper() + words[1:]


def pool_level(name: str, level: float) -> str:
    """Return how much of a pool is used or waited for: of the CPUs a share, else a number."""
    return percent(level) if name == "cpu" else written(level)
