"""What a panel's queries give for a run's time, asked as Grafana asks."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dress_rehearsal.dashboards.prometheus_api import Answer, PrometheusApi, PrometheusError
from dress_rehearsal.dashboards.queries import fill

_LABEL: Final = re.compile(r"\{\{\s*(.+?)\s*\}\}")
_ROUND_MS: Final = (
    (10, 1),
    (15, 10),
    (35, 20),
    (75, 50),
    (150, 100),
    (350, 200),
    (750, 500),
    (1500, 1000),
    (3500, 2000),
    (7500, 5000),
    (12_500, 10_000),
    (17_500, 15_000),
    (25_000, 20_000),
    (45_000, 30_000),
    (90_000, 60_000),
    (210_000, 120_000),
    (450_000, 300_000),
    (750_000, 600_000),
    (1_050_000, 900_000),
    (1_500_000, 1_200_000),
    (2_700_000, 1_800_000),
    (math.inf, 3_600_000),
)
"""Below the first number, Grafana's step is the second (`rangeutil.ts`, `roundInterval`)."""


@dataclass(frozen=True, slots=True)
class Window:
    """The time a dashboard is looked at, and whose.

    Attributes:
        run: the value of the variable `run`.
        start_s: seconds since the Unix epoch.
        opens_s: T-0, for an axis that counts from there; none shows the time of day.
        scrape_s: how often Prometheus scraped.
    """

    run: str
    start_s: float
    end_s: float
    opens_s: float | None = None
    scrape_s: float = 1.0

    @property
    def length_s(self) -> float:
        """How long it is."""
        return self.end_s - self.start_s

    def step_s(self, points: float) -> float:
        """Return the step of a query for so many points, which a panel has as pixels."""
        step_ms = self.length_s * 1e3 / points
        rounded_ms = next(size for limit, size in _ROUND_MS if step_ms < limit)
        return max(rounded_ms / 1e3, self.scrape_s)


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a panel, or one number.

    Attributes:
        name: as the legend has it.
        values: NaN where there is none, also between points further apart than a step.
    """

    name: str
    ref_id: str
    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float, ...]

    @property
    def last(self) -> float | None:
        """The last value that is a number."""
        return next((value for value in reversed(self.values) if not math.isnan(value)), None)

    @property
    def highest(self) -> float | None:
        """The highest value."""
        return max((value for value in self.values if not math.isnan(value)), default=None)


def answers(
    api: PrometheusApi, panel: Mapping[str, Any], window: Window, points: float
) -> list[Series]:
    """Ask every query of a panel.

    Args:
        points: how many a line over the panel's width can show.

    Raises:
        PrometheusError: Prometheus does not answer; the message names the panel.
        DashboardsError: a query has a variable that cannot be filled in.
    """
    found = []
    step_s = window.step_s(points)
    for target in panel["targets"]:
        expr = fill(
            target["expr"],
            run=window.run,
            interval_s=step_s,
            range_s=window.length_s,
            scrape_s=window.scrape_s,
        )
        try:
            if target.get("instant"):
                told = api.query(expr, window.end_s)
            else:
                told = api.query_range(expr, *_aligned(window, step_s), step_s)
        except PrometheusError as error:
            raise type(error)(f"Panel {panel['title']!r}: {error}") from error
        found += [_series(answer, target, step_s) for answer in told]
    return found


def with_labels(template: str, labels: Mapping[str, str]) -> str:
    """Put values of labels where a text has `{{label}}`."""
    return _LABEL.sub(lambda found: labels.get(found[1], ""), template).strip()


def _aligned(window: Window, step_s: float) -> tuple[float, float]:
    """Return first and last moment as multiples of the step, as Grafana asks."""
    return tuple(  # type: ignore[return-value]
        math.floor(at / step_s) * step_s for at in (window.start_s, window.end_s)
    )


def _series(answer: Answer, target: Mapping[str, Any], step_s: float) -> Series:
    template = target.get("legendFormat", "")
    if template in ("", "__auto"):
        name = ", ".join(f'{key}="{value}"' for key, value in sorted(answer.labels.items()))
    else:
        name = with_labels(template, answer.labels)
    times: list[float] = []
    values: list[float] = []
    for at, value in zip(answer.times, answer.values, strict=True):
        if times and at - times[-1] > 1.5 * step_s:
            times.append(times[-1] + step_s)
            values.append(math.nan)
        times.append(at)
        values.append(value)
    return Series(name, target["refId"], answer.labels, tuple(times), tuple(values))
