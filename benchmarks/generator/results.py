"""What a run of the benchmark has found: kept as JSON, from which every table is made."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Final, TypeVar

from benchmarks.generator.calibration import Calibration
from benchmarks.generator.race import Lap
from benchmarks.generator.rounds import Spread, ratios
from benchmarks.generator.storm import Storm

T = TypeVar("T")
MOST_OTHERS: Final = 0.05
"""Share of both cores that others may take before a comparison decides nothing."""
Rounds = dict[str, dict[int, T]]
"""What came of each contestant, by its key and by the round."""


@dataclass(slots=True)
class Results:
    """A run's settings and all that it has measured.

    Attributes:
        names: of contestants and cases, by their keys.
        missing: how to get those that were not there, by their keys.
        failed: sentences about those that did not do what they should.
    """

    date: str
    machine: Mapping[str, Any]
    settings: Mapping[str, Any]
    names: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    race: "Rounds[Lap]" = field(default_factory=dict)
    storm: "Rounds[Storm]" = field(default_factory=dict)
    calibration: "Rounds[Calibration]" = field(default_factory=dict)

    def json(self) -> str:
        """Return everything, one object."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @property
    def others(self) -> float:
        """The share of both cores that other programs took while one was measured, at the worst.

        Of each contestant it is the median: once may be nobody's fault.
        """
        shares = [others_of(rounds) for rounds in self.race.values()]
        shares += [others_of(rounds) for rounds in self.storm.values()]
        return max(shares, default=0.0)


def others_of(rounds: Mapping[int, Lap] | Mapping[int, Storm]) -> float:
    """Return the median share of both cores that other programs took in some rounds."""
    shares = [each.others for each in rounds.values()]
    return median(shares) if shares else 0.0


def spread(rounds: Mapping[int, T] | None, of: Callable[[T], float]) -> Spread | None:
    """Return the median and range of a quantity over the rounds; None: there are none."""
    return Spread.of([of(each) for each in rounds.values()]) if rounds else None


def compared(
    rounds: "Rounds[T]", ours: str, theirs: str, of: Callable[[T], float]
) -> Spread | None:
    """Return ours / theirs, round by round; None: there are no rounds with both."""
    return ratios(
        {number: of(each) for number, each in rounds.get(ours, {}).items()},
        {number: of(each) for number, each in rounds.get(theirs, {}).items()},
    )
