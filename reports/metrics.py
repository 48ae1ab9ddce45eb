"""Metric paths: how a gate names one number of the verdict, and what limits it may have.

`census.failed` · `latency_ms[POST /login].p99` · `audit.oversold` · `pools[postgres].wait_p99_ms`

Every number of the verdict can be named; a field's name says what it is: `…_ms` and `…_s` are
times, `…_per_s` is a rate, `…_share` a share of one whole.
"""

import difflib
import functools
import math
import re
import types
import typing
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from dress_rehearsal.plans import Limit, Plan, parse_limit
from dress_rehearsal.plans.sections.margins import parse_margins
from dress_rehearsal.plans.shown import HIDDEN
from dress_rehearsal.records.steps import TICKET_OPEN
from dress_rehearsal.reports.directions import BEGINNINGS, unit_of, wrong_margins
from dress_rehearsal.reports.errors import MetricUnknownError
from dress_rehearsal.reports.evidence.latency import requests_behind, says_little
from dress_rehearsal.reports.numbers import exact
from dress_rehearsal.reports.part import Fairness, Part, StepAnswers, Tries
from dress_rehearsal.reports.pools import POOL_NAMES
from dress_rehearsal.reports.schema import (
    Audit,
    Bottleneck,
    Census,
    GateResult,
    Generator,
    Latency,
    Load,
    Measured,
    Number,
    Pool,
    Sale,
)
from dress_rehearsal.reports.words import (
    NOT_MEASURED,
    bucket_words,
    counted,
    exactly,
    felt,
    given_up_words,
    percent,
    quantity,
    seconds,
    written,
)

_LONGEST: Final = 100
_PATH_SHAPE: Final = re.compile(
    r"[a-z_]{1,20}(\[[A-Za-z_/{} ]{0,60}\])?(\.[a-z_]{1,30}[0-9]{0,2}){0,2}"
)
_PATH: Final = re.compile(r"(\w+)(?:\[(.*)\])?\.(\w+)")

_FOREIGN: Final = re.compile(r"pools\[([a-z0-9][a-z0-9_-]*)\.[^\]]{1,100}\]\.([a-z_]+)")
"""A pool of somebody else's app, as `pools[shop.HikariPool-1].wait_mean_ms`."""

_TABLES: Final[dict[str, tuple[type[Part], Sequence[str]]]] = {
    "census": (Census, ()),
    "latency_ms": (Latency, tuple(TICKET_OPEN)),
    "answers": (StepAnswers, tuple(TICKET_OPEN)),
    "tries": (Tries, tuple(TICKET_OPEN)),
    "sale": (Sale, ()),
    "load": (Load, ()),
    "audit": (Audit, ()),
    "fairness": (Fairness, ()),
    "pools": (Pool, POOL_NAMES),
    "bottleneck": (Bottleneck, ()),
    "generator": (Generator, ()),
}
"""The verdict's tables that hold numbers, and the names of their rows where there are several."""
_BY_STEP: Final = ("latency_ms", "answers", "tries")
"""Tables with a row a step of the scenario."""

_SOLD_OUT: Final = "sale.sold_out_after_s"

_CORRELATIONS: Final = ("fairness.kendall_tau", "fairness.multi_device_advantage")
"""Numbers from -1 to 1."""

_SHARES: Final = {"failed_share": ("failed", "count"), "timely_share": ("timely", "released")}
_OF_ALL: Final = {"load.failed_share": ("failed", "requests")}
"""Shares of things that were counted: the fields that say how many of how many."""

_CPU_SHARES: Final = tuple(f"pools[cpu].{word}" for word in ("max", "peak_used", "peak_pending"))


@functools.cache
def known_metrics(steps: tuple[str, ...] = tuple(TICKET_OPEN)) -> Sequence[str]:
    """Return every path that a gate may name.

    Args:
        steps: the steps of the scenario.
    """
    paths = []
    for table, (part, usual) in _TABLES.items():
        names = steps if table in _BY_STEP else usual
        heads = [f"{table}[{name}]" for name in names] if names else [table]
        fields = [name for name, field in part.model_fields.items() if _is_number(field.annotation)]
        paths += [f"{head}.{field}" for head in heads for field in fields]
    return tuple(paths)


def check_metric_names(plan: Plan) -> None:
    """Check all gates of a plan before anything starts.

    Raises:
        MetricUnknownError: a gate names a number that no verdict holds, limits it in a unit that
            it does not have, or where it can never be.
    """
    problems = []
    for position, gate in enumerate(plan.gates):
        where = f"gates.{position}"
        path = gate.path
        known = known_metrics(_steps_before(plan, path))
        if not _is_known(path, known, [each.name for each in plan.metrics]):
            problems.append(
                f"{where}.metric = {_shown(path)}: there is no such metric; {_near(path)}"
            )
            continue
        if gate.limit and (wrong := _wrong_limit(path, parse_limit(gate.limit))):
            problems.append(f"{where}.limit = {gate.limit!r}: {path} is {wrong}")
        if gate.regression and (wrong := wrong_margins(path, parse_margins(gate.regression))):
            problems.append(f"{where}.regression = {gate.regression!r}: {path} is {wrong}")
    if problems:
        raise MetricUnknownError(problems)


def _is_known(path: str, known: Sequence[str], entries: Sequence[str] | None = None) -> bool:
    """Return whether a path names a number of the verdict.

    Args:
        known: the paths that need no looking at.
        entries: names of the plan's `[[metrics]]`, whose pools nobody can list before they are
            read; None: any.
    """
    if path in known:
        return True
    found = _FOREIGN.fullmatch(path)
    if found is None or (entries is not None and found[1] not in entries):
        return False
    field = Pool.model_fields.get(found[2])
    return field is not None and _is_number(field.annotation)


def metric_value(measured: Measured, path: str) -> Number | None:
    """Return the number that a path names, None when it was not measured or never happened.

    Raises:
        MetricUnknownError: no verdict holds such a number.
    """
    steps = tuple(measured.roles)
    named = _step_in(path)
    # Of a scenario of the user's own nobody knows which steps it might have had.
    own = named is not None and not set(TICKET_OPEN) <= set(steps)
    if not _is_known(path, known_metrics((*steps, str(named)) if own else steps)):
        raise MetricUnknownError([f"There is no metric {path!r}; {_near(path, steps)}"])
    part, field = _part(measured, path)
    value: Number | None = None if part is None else getattr(part, field)
    return value


def never_happened(measured: Measured, path: str, *, cause_decided: bool) -> bool:
    """Return whether a path names something that was watched for in vain: a pool's saturation,
    a bottleneck, or the last ticket's going.

    Args:
        cause_decided: whether it is known where time was lost; else nobody knows since when.
    """
    if metric_value(measured, path) is not None:
        return False
    if path == _SOLD_OUT:
        return measured.sale.granted is not None
    part, field = _part(measured, path)
    if field not in BEGINNINGS:
        return False
    return cause_decided if path.startswith("bottleneck.") else part is not None


def pool_of(measured: Measured, path: str) -> str | None:
    """Return the name of the pool that a path leads into, None where it leads elsewhere."""
    part, _ = _part(measured, path)
    return part.name if isinstance(part, Pool) else None


def bucket_of(measured: Measured, path: str) -> tuple[float, float | None] | None:
    """Return the ends of the histogram's bucket that a number fell into, which is all that is known
    of it (`Pool.wait_p99_ms`); None of a number that was measured."""
    part, field = _part(measured, path)
    if not isinstance(part, Pool) or field != "wait_p99_ms" or part.wait_p99_low_ms is None:
        return None
    return part.wait_p99_low_ms, part.wait_p99_high_ms


def in_unit_of(limit: Limit, path: str, value: Number, measured: Measured) -> Fraction:
    """Return a metric's value in the unit that its limit is written in, exactly.

    A share of things that were counted is made of the counts, not of the rounded share.
    """
    counts = _counts(measured, path, limit)
    if counts is not None:
        return Fraction(*counts)
    in_seconds = limit.unit == "ms" and unit_of(path) == "s"
    return exact(value) * (1000 if in_seconds else 1)


def gate_words(result: GateResult, measured: Measured) -> str:
    """Return the number that a gate was held against, and how sure it is."""
    if bucket := bucket_of(measured, result.metric):
        return bucket_words(*bucket)
    words = value_words(result.metric, result.limit, result.value, measured, never=result.never)
    if result.given_up is not None:
        return f"at least {words}: {given_up_words(result.given_up)}"
    return f"{words}{interval_words(result, measured)}"


def value_words(
    metric: str, limit: str, value: Number | None, measured: Measured, *, never: bool = False
) -> str:
    """Return a gate's number in the unit that its limit is written in.

    Args:
        measured: where the number is from: it has what a share is a share of.
        never: it stands for something that was watched for and never happened.
    """
    if value is None:
        return "never" if never else NOT_MEASURED
    parsed = parse_limit(limit)
    if metric == "fairness.inversions" and value and (within_s := measured.fairness.within_s):
        return f"{counted(int(value), 'student')} overtaken by more than {seconds(within_s)}"
    if parsed.unit != "share":
        return _timed(value, unit_of(metric), parsed)
    counts = _counts(measured, metric, parsed)
    if counts is None:
        return percent(value)
    of = "students" if metric.startswith("census.") else "requests"
    return f"{written(counts[0])} of {written(counts[1])} {of} ({percent(*counts)})"


def interval_words(result: GateResult, measured: Measured) -> str:
    """Return a gate's interval as words that follow its number; empty where it has none."""
    said = []
    if result.low is not None:
        unit, limit = unit_of(result.metric), parse_limit(result.limit)
        high = "or more" if result.high is None else f"to {_timed(result.high, unit, limit)}"
        said.append(f"95% interval within this run {_timed(result.low, unit, limit)} {high}")
    part, field = _part(measured, result.metric)
    if result.window is not None:  # of how few it is nobody can see here: `gates` looked
        part = None
    if isinstance(part, Latency) and result.value is not None and says_little(part, field):
        said.append(f"too few: {counted(requests_behind(part, field), 'request')}")
    return f" ({'; '.join(said)})" if said else ""


def _timed(value: Number, unit: str, limit: Limit) -> str:
    """Return a number in its unit; a long wait in seconds, unless it is near the limit."""
    if _seems_otherwise(value, unit, limit):
        return exactly(value, unit)
    return felt(value, float(limit.value)) if unit == "ms" else quantity(value, unit)


def _seems_otherwise(value: Number, unit: str, limit: Limit) -> bool:
    """Return whether a rounded number would seem to be at its limit, or on its other side."""
    if not math.isfinite(value):
        return False
    in_unit = 1000 if limit.unit == "ms" and unit == "s" else 1
    off, seems = (
        each * in_unit - limit.value
        for each in (exact(value), Fraction(written(value).replace(",", "")))
    )
    return bool(off) and off * seems <= 0


def _part(measured: Measured, path: str) -> tuple[Any, str]:
    """Return the part of the verdict that a known path leads into, None without it, and a field."""
    match = _PATH.fullmatch(path)
    assert match is not None
    table, key, field = match.groups()
    part: Any = getattr(measured, table, None)
    if isinstance(part, dict):
        part = part.get(key)
    elif isinstance(part, tuple):
        part = next((each for each in part if each.name == key), None)
    return part, field


def _counts(measured: Measured, path: str, limit: Limit) -> tuple[int, int] | None:
    """Return how many of how many a share is, None where it is no share of things counted."""
    part, field = _part(measured, path)
    if path.startswith("census.") and limit.unit == "share":
        return getattr(part, field), max(measured.census.students, 1)
    shares = _OF_ALL.get(path) or _SHARES.get(field)
    if part is None or shares is None:
        return None
    counted_as, of = shares
    return getattr(part, counted_as), getattr(part, of)


def _is_number(annotation: Any) -> bool:
    """Return whether a field of the verdict holds a number, or none where it was not measured."""
    union = typing.get_origin(annotation) in (types.UnionType, typing.Union)
    kinds = set(typing.get_args(annotation)) if union else {annotation}
    return bool(kinds & {int, float}) and kinds <= {int, float, types.NoneType}


def _is_share(path: str) -> bool:
    return path.endswith("_share") or path in _CPU_SHARES


def _wrong_limit(path: str, limit: Limit) -> str | None:
    """Return what a limit should be like, None when it fits."""
    unit = unit_of(path)
    if unit in ("ms", "s"):
        bare_zero = limit.unit == "count" and limit.value == 0
        if limit.unit != "ms" and not bare_zero:
            return 'a time: write it as in "<= 3s".'
    elif limit.unit == "ms":
        return 'no time: write the limit without a unit, such as "== 0".'
    elif limit.unit == "share" and not (_is_share(path) or path.startswith("census.")):
        return 'no share: write the limit without "%".'
    return _impossible(path, limit)


def _impossible(path: str, limit: Limit) -> str | None:
    """Return where a metric can be when it can never be at its limit, else None."""
    if path in _CORRELATIONS:
        return "a number from -1 to 1." if limit.beyond(-1, 1) else None
    if path.endswith(BEGINNINGS):
        return None  # from T-0, and what is before it is negative
    if path.endswith("_share") and limit.beyond(0, 1):
        return "a share: it lies between 0 and 1, which is 0% to 100%."
    kind = "time" if unit_of(path) in ("ms", "s") else "number"
    return f"a {kind} that is never below 0." if limit.beyond(0, None) else None


def _shown(path: str) -> str:
    """Return a path that nothing is known of as a sentence shows it: it may be a secret."""
    return f"'{path}'" if _close(path) and _PATH_SHAPE.fullmatch(path) else HIDDEN


def _steps_before(plan: Plan, path: str) -> tuple[str, ...]:
    """Return the steps that a plan's scenario can have, before it has been performed.

    Those of a scenario of the user's own show while it runs: until then a gate may name any.
    """
    named = _step_in(path)
    return tuple(TICKET_OPEN) if plan.bundled or named is None else (named,)


def _step_in(path: str) -> str | None:
    """Return the step that a path names; None where it names none."""
    match = _PATH.fullmatch(path)
    return (match[2] or None) if match is not None and match[1] in _BY_STEP else None


def _close(path: str, steps: tuple[str, ...] = tuple(TICKET_OPEN)) -> list[str]:
    return difflib.get_close_matches(path[:_LONGEST], known_metrics(steps), n=3, cutoff=0.5)


def _near(path: str, steps: tuple[str, ...] = tuple(TICKET_OPEN)) -> str:
    close = _close(path, steps)
    if close:
        return f"did you mean {' or '.join(close)}?"
    heads = (f"{table}[…]" if names else table for table, (_, names) in _TABLES.items())
    return f"known are {', '.join(heads)} and their fields."
