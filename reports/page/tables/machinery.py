"""Pools, the generator, and the requests as both sides counted them."""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from dress_rehearsal.plans import format_duration
from dress_rehearsal.plans.names import pool_words
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.records.tables import CLIENT_POOLS
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import read_lag_ms
from dress_rehearsal.reports.evidence.reconciliation import Reconciliation
from dress_rehearsal.reports.numbers import percentile
from dress_rehearsal.reports.page.tables.table import (
    SOME_RUSHES,
    Cell,
    Table,
    bad_count,
    row,
    state_cell,
)
from dress_rehearsal.reports.pools.client import LOCKS
from dress_rehearsal.reports.pools.diagnosis import is_saturated
from dress_rehearsal.reports.schema import Generator, Pool
from dress_rehearsal.reports.trust.foreign_cpu import judge_foreign_cpu
from dress_rehearsal.reports.trust.generator import AROUND_T0_S, TIMELY_SHARE
from dress_rehearsal.reports.words import (
    EMPTY,
    NOT_MEASURED,
    agreeing,
    capitalized,
    cell,
    milliseconds,
    offset,
    percent,
    pool_level,
    wait_p99_words,
    written,
)


def pool_table(pools: Sequence[Pool], *, has_t0: bool = True) -> Table:
    """Return every pool's numbers, the first to saturate first."""
    never = float("inf")
    ranked = sorted(pools, key=lambda p: never if p.saturated_at_s is None else p.saturated_at_s)
    twice = any(pool.saturated_at_s != pool.saturated_in_rush_s for pool in pools)
    rows = []
    for pool in ranked:
        since = pool.saturated_at_s
        ours = pool.name in CLIENT_POOLS and pool.name not in LOCKS
        undecided = is_saturated(pool, has_t0=has_t0) and (
            ours or "." in pool.name or pool.undecided is not None
        )
        diagnosis: str = pool.diagnosis or ("undecided" if undecided else EMPTY)
        levels = (pool.peak_used, pool.max, pool.peak_pending)
        rows.append(
            row(
                pool_words(pool.name),
                *(cell(level, partial(pool_level, pool.name)) for level in levels),
                _wait(pool),
                _hold(pool),
                bad_count(pool.timeouts),
                _moment(pool, since, has_t0=has_t0),
                *([_moment(pool, pool.saturated_in_rush_s, has_t0=has_t0)] if twice else []),
                bad_count(pool.leaked),
                Cell(diagnosis.replace("_", " "), "ok" if diagnosis == "healthy" else ""),
            )
        )
    most = ("Used, up to", "Max", "Waiting, up to")  # each worker's own most, added up
    saturated = ("Saturated first", "In the rush from") if twice else ("Saturated first",)
    numbers = (*most, "Wait p99", "Held, mean", "Timeouts", *saturated, "Leaked")
    columns = (("Pool", "text"), *((word, "number") for word in numbers), ("Diagnosis", "text"))
    caption = (
        "Pools over the whole run, the first to saturate first; “up to” adds up what each worker "
        "had at most"
    )
    return Table("pool-table", caption, columns, rows)


def _moment(pool: Pool, at_s: float | None, *, has_t0: bool) -> Cell:
    """Return when a pool saturated, or why no moment is told."""
    if at_s is not None:
        return Cell(offset(at_s), "found", sort=at_s)
    if pool.diagnosis == "not_measured":
        return Cell(NOT_MEASURED)
    leaked = pool.diagnosis == "leak" and not has_t0
    untimed = pool.saturated_at_s is None and is_saturated(pool, has_t0=has_t0)
    return Cell("not known (no T-0)" if leaked or untimed else "never")


def _wait(pool: Pool) -> Cell:
    """Return how long a pool was waited for: 1% longer than this, or where that is not told the
    mean."""
    if pool.wait_p99_ms is None and pool.wait_mean_ms is not None:
        return Cell(f"mean {milliseconds(pool.wait_mean_ms)}", sort=pool.wait_mean_ms)
    return Cell(wait_p99_words(pool), sort=pool.wait_p99_ms)


def _hold(pool: Pool) -> str:
    """Return how long a connection of a pool was held, or why there is no number."""
    if pool.hold_mean_ms is not None:
        return milliseconds(pool.hold_mean_ms)
    if "." in pool.name:
        why = "its metrics do not tell"
    elif pool.name in CLIENT_POOLS:
        why = "none was taken" if pool.peak_used == 0 else "none was given back"
    else:
        why = "kept open" if pool.name == "max_connections" else "nothing is held"
    return f"{EMPTY} ({why})"


def undecided_pools(pools: Sequence[Pool]) -> list[tuple[str, str]]:
    """Return the pools that were waited for and have no diagnosis, each with a sentence why."""
    return [
        (capitalized(pool_words(pool.name)), f"{capitalized(pool.undecided)}.")
        for pool in pools
        if pool.undecided
    ]


def generator_table(generator: Generator, evidence: Evidence) -> Table:
    """Return whether the generator did what it was meant to, when it was meant to."""
    allowed, others = evidence.plan.generator, generator.foreign_cpu_cores
    limited = Cell("yes", "found") if generator.limited else Cell("no", "ok")
    rows = [
        row("Requests on record", written(generator.requests), EMPTY, _needless(evidence)),
        *(_releases(generator, evidence) if evidence.plan.load is None else []),
        row("CPU at its peak", _cores(generator.cpu_peak), EMPTY, ""),
        row(
            "Other programs' CPU around T-0, up to"
            if evidence.plan.load is None
            else "Other programs' CPU, up to",
            _cores(others),
            _cores(allowed.max_foreign_cpu),
            _others_cell(others, evidence),
        ),
        *_held_back(generator),
        row("A clock's largest step", milliseconds(generator.clock_step_ms), EMPTY, ""),
        row("Limited the measurement", limited, EMPTY, _limited_by(generator)),
    ]
    columns = (("Generator", "text"), ("Measured", "number"), ("Allowed", "number"), ("", "text"))
    return Table("generator-table", "What the generator did itself", columns, rows)


def _limited_by(generator: Generator) -> str:
    """Return why the generator was the limit though it may have started most requests in time."""
    if not generator.limited or generator.timely >= TIMELY_SHARE * generator.released:
        return ""
    return "by the clicks at T-0, of which too few were sent in time"


def _needless(evidence: Evidence) -> str:
    """Return how many requests their students no longer needed; empty where there are none."""
    number = int(evidence.latency["abandoned"].sum())
    return f"{written(number)} of them no longer needed" if number else ""


def _held_back(generator: Generator) -> list[tuple[Cell, ...]]:
    share = generator.held_back_share
    if share is None:
        return []
    said = f"{percent(share)} of a second"
    return [row("Held back by the CPU limit of its own container, up to", said, EMPTY, "")]


def _others_cell(others: float | None, evidence: Evidence) -> Cell:
    """Return whether what others took of the CPU did any harm."""
    allowed = evidence.plan.generator.max_foreign_cpu
    if others is not None and allowed >= (evidence.environment.get("cores") or math.inf):
        return Cell("the plan lets them take all", "ok")
    taken = others is not None and others > allowed
    if taken and not any(
        doubt.word == "foreign_cpu" for doubt in judge_foreign_cpu(evidence).doubts
    ):
        return Cell("harmless: a processor was free whenever they did", "ok")
    return state_cell(None if others is None else taken, "too much")


def _releases(generator: Generator, evidence: Evidence) -> list[tuple[Cell, ...]]:
    """Return how far from their times requests were sent and answers read."""
    timely, released = generator.timely, generator.released
    within = format_duration(evidence.plan.timely)
    return [
        _delay(
            "Late start of all requests of the run, p99",
            generator.late_start_p99_ms,
            evidence.plan.generator.max_late_start,
        ),
        row(
            f"Clicks to buy around T-0, sent within {within} of their time",
            _of_released(timely, released) if released else NOT_MEASURED,
            percent(float(TIMELY_SHARE)),
            state_cell(timely < TIMELY_SHARE * released if released else None, "too few"),
        ),
        row(
            "Release skew of the same clicks, p99",
            milliseconds(generator.release_skew_ms),
            EMPTY,
            "",
        ),
        row(
            "Read lag of all answers of the run, p99",
            milliseconds(generator.read_lag_p99_ms),
            EMPTY,
            _lag_around_t0(evidence),
        ),
    ]


def _of_released(timely: int, released: int) -> str:
    """Return a share of the sends; what is too little never looks enough."""
    share = percent(timely, released)
    if percent(float(TIMELY_SHARE)) == share and timely < TIMELY_SHARE * released:
        share = f"{10_000 * timely // released / 100}%"
    return f"{written(timely)} of {written(released)} ({share})"


def _lag_around_t0(evidence: Evidence) -> str:
    """Return how late answers were read around T-0, which a p99 of all answers need not show; empty
    where that is not known."""
    if not evidence.timeline.has_t0:
        return ""
    done_s = evidence.timeline.seconds(evidence.requests["done_ns"])
    lag_ms = read_lag_ms(evidence.requests)[np.abs(done_s) <= AROUND_T0_S]
    lag_ms = lag_ms[~np.isnan(lag_ms)]
    if not len(lag_ms):
        return ""
    p99 = milliseconds(round(percentile(lag_ms, 99), 1))
    span = f"{offset(-AROUND_T0_S)} to {offset(AROUND_T0_S)}"
    return f"of those that came from {span}: {p99}"


def _cores(number: float | None) -> str:
    return NOT_MEASURED if number is None else f"{written(number)} {agreeing(number, 'core')}"


def _delay(title: str, value_ms: float | None, allowed_s: float) -> tuple[Cell, ...]:
    state = state_cell(None if value_ms is None else value_ms > allowed_s * 1e3, "too late")
    return row(title, milliseconds(value_ms), milliseconds(1e3 * allowed_s), state)


def reconciliation_table(reconciliation: Reconciliation, steps: Steps) -> Table:
    """Return requests as the generator recorded and as the server counted them."""
    rows = []
    for step, tally in reconciliation.tallies.items():
        if (
            steps.role_of(step) in SOME_RUSHES
            and not tally.recorded + tally.uncertain + tally.counted
        ):
            continue
        off = tally.difference
        most = tally.recorded + tally.uncertain
        fits = "" if tally.counted == tally.recorded else f": {tally.least:,} to {most:,} may be"
        state = Cell(f"off by {off:+,}", "found") if off else Cell(f"agree{fits}", "ok")
        numbers = (tally.recorded, tally.uncertain, tally.counted)
        rows.append(row(step, *(written(part) for part in numbers), state))
    columns = (
        ("Step", "text"),
        ("Recorded with an answer", "number"),
        ("Sent, never answered", "number"),
        ("Counted by the server", "number"),
        ("", "text"),
    )
    return Table("reconciliation", "Requests, counted on both sides", columns, rows)
