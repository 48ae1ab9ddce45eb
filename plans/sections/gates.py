"""The gates of a plan: what a number of the verdict may be, and how much worse it may become."""

import re
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from dress_rehearsal.plans.limits import LimitText
from dress_rehearsal.plans.sections.margins import MarginsText
from dress_rehearsal.plans.sections.windows import Window, WindowText, parse_window
from dress_rehearsal.plans.types import Section

_LATENCY: Final = re.compile(r"latency_ms\[.+\]\.\w+")
"""The metric of a gate on a latency, as a path into the verdict."""
_STEPLESS: Final = re.compile(r"latency_ms\.(\w+)")


class Gate(Section):
    """A limit on one number of the verdict, a margin to what it was before, or both."""

    metric: str
    """A path into `verdict.json`, such as `latency_ms[POST /login].p99` or `census.failed`; with
    `step` that of a latency without it: `latency_ms.p99`."""
    limit: LimitText | None = None
    """A comparison with its unit, such as `"<= 3s"`, `"== 0"`, `"<= 1%"`."""
    regression: MarginsText | None = None
    """How much worse than a baseline it may be, such as `"< 10% and < 50 ms"`: reaching both is too
    much, where chance cannot have done it. Held by `rehearse compare` and `--baseline`."""
    step: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Of which step a latency is, such as `POST /login`."""
    window: WindowText | None = None
    """Which requests a latency is of, by when they were meant: `"T+0s..T+10s"`."""

    @property
    def path(self) -> str:
        """The metric's path into the verdict, its step in it."""
        if self.step is None:
            return self.metric
        return f"latency_ms[{self.step}].{self.metric.rpartition('.')[2]}"

    @property
    def within(self) -> Window | None:
        """The window, taken apart."""
        return None if self.window is None else parse_window(self.window)

    @property
    def span(self) -> str | None:
        """The window as it is named, whatever way it was written."""
        return None if self.within is None else str(self.within)

    @property
    def of_latency(self) -> bool:
        """Whether it is on a step's latency."""
        return _LATENCY.fullmatch(self.path) is not None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.limit is None and self.regression is None:
            raise ValueError(
                'give it a limit, such as limit = "<= 3s", or a margin to what it was before, such '
                'as regression = "< 10% and < 50 ms"'
            )
        return self

    @model_validator(mode="after")
    def _steps_are_of_latencies(self) -> Self:
        stepless = _STEPLESS.fullmatch(self.metric) is not None
        if stepless and self.step is None:
            raise ValueError('say of which step it is: step = "POST /login", say')
        if self.step is not None and not stepless:
            raise ValueError(
                'step is for the metric of a latency that names none, such as "latency_ms.p99"'
            )
        if self.window is not None and not self.of_latency:
            raise ValueError("window is for latencies: other numbers are of the whole rush")
        return self
