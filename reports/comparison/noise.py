"""Noise: how far the runs of one build are apart on one machine, and the margins that follow.

Two sides are drawn from the runs of one build again and again, five runs each, none of them twice,
and compared as two builds would be. The margins that are proposed are so wide that at most one such
pair in two hundred reaches them. Then one of the two is made worse by a share, to tell how much it
takes until 19 of 20 such pairs are found to differ.
"""

import json
import math
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.records.files import remedy
from dress_rehearsal.reports.comparison.intervals import FEWEST, difference_interval
from dress_rehearsal.reports.comparison.numbers import Metric, metrics_of, values_of
from dress_rehearsal.reports.comparison.sides import Side
from dress_rehearsal.reports.directions import unit_of, worse_when
from dress_rehearsal.reports.markdown import escaped, markdown_table
from dress_rehearsal.reports.numbers import rounded
from dress_rehearsal.reports.part import Part
from dress_rehearsal.reports.words import EMPTY, percent, quantity

FEWEST_RUNS: Final = 2 * FEWEST
"""Two sides of them have to be drawn."""

_PAIRS: Final = 400
_FALSE_ALARMS: Final = 0.005
_CAUGHT: Final = 0.95
_STEPS: Final = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0)
_SEED: Final = 2026
_COLUMNS: Final = ("number", "runs", "median", "spread", "proposed regression", "found from")
_HOW_TO_READ: Final = (
    "Proposed: of two sides of five of these runs, at most one pair in 200 reaches the margins. "
    "Found from: so much worse, and 19 of 20 such pairs are found to be. They are of this machine, "
    "as it was meanwhile. Take the gates of the numbers that matter to you."
)


class Noise(Part):
    """How far one number spreads, and what that lets a gate hold.

    `runs` counted; `spread` is their standard deviation over their mean; `regression` the margins
    that are proposed, `found_from` the share from which on a change for the worse is found, None
    where not even three times as much is.
    """

    metric: str
    runs: int
    median: float
    spread: float
    regression: str
    found_from: float | None


def noise_of(side: Side) -> Iterator[Noise]:
    """Yield the noise of each number that becomes worse and of which enough runs count.

    Numbers that are the same in all runs have none, and are left out.
    """
    for metric in metrics_of([side]):
        values = np.asarray(values_of(side, metric), dtype=float)
        if metric.window is not None or worse_when(metric.path) is None:
            continue
        if len(values) < FEWEST_RUNS or values.min() == values.max() or not np.median(values):
            continue
        yield _noise(metric, values)


def _noise(metric: Metric, values: NDArray[np.float64]) -> Noise:
    pairs = _pairs(values)
    apart = np.abs(np.median(pairs[:, 1], axis=1) - np.median(pairs[:, 0], axis=1))
    relative = apart / np.abs(np.median(pairs[:, 0], axis=1))
    share = next((s for s in _STEPS if s > np.quantile(relative, 1 - _FALSE_ALARMS)), 2.0)
    absolute = _upwards(float(np.quantile(apart, 1 - _FALSE_ALARMS)))
    unit = unit_of(metric.path)
    number = f"{absolute:.9f}".rstrip("0").rstrip(".")
    written = f"{number} {unit}" if unit in ("ms", "s") else number
    sign = 1 if worse_when(metric.path) == "more" else -1
    found = _found_from(pairs, share, absolute, sign)
    spread = rounded(float(values.std(ddof=1) / abs(values.mean())), 4)
    assert spread is not None
    return Noise(
        metric=metric.path,
        runs=len(values),
        median=statistics.median(values.tolist()),
        spread=spread,
        regression=f"< {share * 100:g}% and < {written}",
        found_from=found,
    )


def _pairs(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return pairs of sides of five runs each, drawn without giving any run back."""
    rng = np.random.default_rng(_SEED)
    drawn = np.array([rng.permutation(values)[:FEWEST_RUNS] for _ in range(_PAIRS)])
    return drawn.reshape(_PAIRS, 2, FEWEST)


def _found_from(pairs: Any, share: float, absolute: float, sign: int) -> float | None:
    """Return from which share on a change for the worse is found in 19 of 20 pairs."""
    for step in _STEPS:
        if sign < 0 and step >= 1:
            return None
        found = [
            _is_worse(one, other * (1 + sign * step), share, absolute, sign) for one, other in pairs
        ]
        if sum(found) >= _CAUGHT * len(pairs):
            return step
    return None


def _is_worse(
    before: Sequence[float], after: Sequence[float], share: float, absolute: float, sign: int
) -> bool:
    base = float(np.median(before))
    worse = sign * (float(np.median(after)) - base)
    if worse < share * abs(base) or worse < absolute:
        return False
    interval = difference_interval(before, after)
    return interval is not None and min(sign * end for end in interval) > 0


def _upwards(value: float) -> float:
    """Return the next 1, 2 or 5 of a power of ten that is no less."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-12))


def noise_markdown(name: str, found: Sequence[Noise]) -> str:
    """Return the bytes of `noise.md`: a row a number, and the gates that it proposes as TOML."""
    rows = [
        (
            each.metric,
            str(each.runs),
            quantity(each.median, unit_of(each.metric)),
            percent(each.spread),
            each.regression,
            EMPTY if each.found_from is None else percent(each.found_from),
        )
        for each in found
    ]
    gates = "\n".join(
        f'[[gates]]\nmetric = "{each.metric}"\nregression = "{each.regression}"\n' for each in found
    )
    blocks = [
        f"# How far runs of one build are apart: {escaped(name)}",
        markdown_table(_COLUMNS, rows, texts=(0, 4)),
        _HOW_TO_READ,
        f"```toml\n{gates}```",
    ]
    return "\n\n".join(blocks) + "\n"


def write_noise(folder: Path, found: Sequence[Noise]) -> None:
    """Write `noise.json` and `noise.md` into the folder of the runs.

    Raises:
        RunDirectoryUnusableError: one cannot be written.
    """
    document = {"schema": 1, "numbers": [each.model_dump(mode="json") for each in found]}
    try:
        (folder / "noise.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        (folder / "noise.md").write_text(noise_markdown(folder.name, found), encoding="utf-8")
    except OSError as error:
        raise RunDirectoryUnusableError(
            f"What was found cannot be written into {folder}: {error.strerror or error}; "
            f"{remedy(error, 'make it writable')}."
        ) from error
