"""When a rush does harm: the plan's `[abort]` limits, held against what the generator tells.

Whole seconds are looked at, as the generator counts them (`scenarios.tallies.seconds`). Errors: of
all that ended in the last `after` seconds, how many failed or got no answer. Latency: the 99th
percentile of what students felt at one step was over the limit in every one of these seconds in
which the step was answered. So a moment is never taken for the whole, nor one request for many.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dress_rehearsal.plans.sections.abort import Abort
from dress_rehearsal.plans.types import format_duration, format_share
from dress_rehearsal.reports.words import seconds, written

_LEAST_ENDED: Final = 20
"""Of fewer requests no share is made."""
_BAD: Final = ("failed", "unknown")


class Harm:
    """Watches over one rush by its plan's limits."""

    def __init__(self, limits: Abort) -> None:
        self._limits = limits
        self._span_s = max(round(limits.after_s), 1)
        self._seconds: dict[str, dict[int, Mapping[str, Any]]] = {}
        self._first_s: int | None = None
        """The first second in which a request ended."""

    def found(self, generator: str, told: Sequence[Mapping[str, Any]]) -> str | None:
        """Take in what a generator tells of its seconds; return why to stop, None where not.

        Args:
            told: those that are new or have changed since, as the generator tells them.
        """
        if not self._limits.limited or not told:
            return None
        kept = self._seconds.setdefault(generator, {})
        kept.update({int(second["at_s"]): second for second in told})
        newest = max(kept)
        if self._first_s is None:
            busy = (at for at, second in kept.items() if any(second["answers"].values()))
            self._first_s = min(busy, default=None)
        begin = newest - self._span_s + 1
        for old in [at for at in kept if at < begin]:
            del kept[old]
        if self._first_s is None or newest - self._first_s + 1 < self._span_s:
            return None
        return self._errors() or self._latency()

    def _errors(self) -> str | None:
        limit = self._limits.errors
        if limit is None:
            return None
        counts: dict[str, int] = {}
        for second in self._window():
            for word, number in second["answers"].items():
                if word != "abandoned":
                    counts[word] = counts.get(word, 0) + number
        ended, bad = sum(counts.values()), sum(counts.get(word, 0) for word in _BAD)
        if ended < _LEAST_ENDED or bad / ended <= limit:
            return None
        return (
            f"{written(bad)} of {written(ended)} requests of the last {self._span_s} s failed or "
            f"got no answer, which is more than abort.errors = {format_share(limit)} allows."
        )

    def _latency(self) -> str | None:
        limit = self._limits.latency
        if limit is None:
            return None
        felt: dict[str, list[float]] = {}
        for second in self._window():
            for step, p99_s in second["felt_p99_s"].items():
                felt.setdefault(step, []).append(p99_s)
        least = (self._span_s + 1) // 2
        for step, slowest in sorted(felt.items(), key=lambda each: -max(each[1])):
            if len(slowest) >= least and min(slowest) > limit:
                return (
                    f"In every second of the last {self._span_s} s in which {step} was answered, "
                    f"the slowest 1% waited for {seconds(min(slowest))} or more, and "
                    f"abort.latency = {format_duration(limit)}."
                )
        return None

    def _window(self) -> list[Mapping[str, Any]]:
        return [second for kept in self._seconds.values() for second in kept.values()]
