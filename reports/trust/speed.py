"""The machine's speed beside a run: how long a fixed calculation took before and after it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dress_rehearsal.records.environment import SPEED
from dress_rehearsal.records.machine_speed import medians_ms
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.words import milliseconds, written

_MATTERS: Final = 1.5
"""From this factor on between before and after: by less, neighbours on a host that is shared make
it differ all day."""


def speed_words(environment: Mapping[str, Any]) -> str:
    """Return how long the calculation took before and after a run; "" where it was not measured."""
    told = [
        f"{milliseconds(environment[SPEED][when]['median'])} {when}"
        for when in ("before", "after")
        if when in environment.get(SPEED, {})
    ]
    return f"a fixed calculation took {' and '.join(told)} the run" if told else ""


def speed_notes(evidence: Evidence) -> Iterator[str]:
    """Yield that the machine's speed changed while a run was made."""
    medians = medians_ms(evidence.environment)
    factor = max(medians, default=1.0) / min(medians, default=1.0)
    if factor >= _MATTERS:
        slower = "slower" if medians[-1] > medians[0] else "faster"
        yield (
            f"The machine's speed changed while the run was made: "
            f"{speed_words(evidence.environment)}, so it was {written(round(factor, 1))} times "
            f"{slower} in the end. What was slow may be its doing."
        )
