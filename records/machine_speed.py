"""The machine's speed: how long a fixed calculation takes on it.

Machines that are alike by name are not by speed: another one's thread on the same core, or a host
that is asked for more, makes the same code take twice as long. What is counted is CPU time of the
calculating thread alone: for what other programs take there are counters (`collectors`).

The calculation is one of Python's own, for that suffers as a target does. SHA-256 over a buffer
was steadier, and told nothing: on a virtual machine whose Python took 1.9 times as long it took
1.06 times as long, in circuits of its own.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from dress_rehearsal.records.damage import Damage
from dress_rehearsal.records.environment import FILE as ENVIRONMENT
from dress_rehearsal.records.environment import SPEED
from dress_rehearsal.records.run_directory import RunDirectory

_TIMES: Final = 12
_STEPS: Final = 100_000
"""Some 10 ms on a CPU of 2024."""
_NS_PER_MS: Final = 1_000_000


def measured_ms(clock_ns: Callable[[], int] = time.thread_time_ns) -> dict[str, float]:
    """Return the `best` and the `median` of what a fixed calculation took, in ms.

    Args:
        clock_ns: of the CPU time that this thread has used.
    """
    took = []
    for _ in range(_TIMES):
        begun_ns = clock_ns()
        _calculate()
        took.append(max(clock_ns() - begun_ns, 1) / _NS_PER_MS)
    return {"best": round(min(took), 6), "median": round(statistics.median(took), 6)}


def keep_after(run: RunDirectory, measure: Callable[[], dict[str, float]] = measured_ms) -> None:
    """Measure again, and keep it in the machine's facts beside what was measured before.

    Where it was not measured before, or the facts cannot be read, they are left as they are.

    Raises:
        RunDirectoryUnusableError: they cannot be written.
    """
    damage: list[Damage] = []
    facts = run.environment(damage)
    if SPEED in facts and not damage:
        run.write_json(ENVIRONMENT, {**facts, SPEED: {**facts[SPEED], "after": measure()}})


def medians_ms(environment: Mapping[str, Any]) -> list[float]:
    """Return the medians that a run's facts have of it: before, and after; none of a run of a
    version that did not measure it."""
    told = environment.get(SPEED, {})
    return [told[when]["median"] for when in ("before", "after") if when in told]


def speed_ms(environment: Mapping[str, Any]) -> float | None:
    """Return how long the calculation took beside a run: the mean of before and after."""
    medians = medians_ms(environment)
    return statistics.fmean(medians) if medians else None


def _calculate() -> int:
    """Go so many steps through a linear congruential generator; nothing is allocated that stays."""
    state = 1
    for _ in range(_STEPS):
        state = (state * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
    return state
