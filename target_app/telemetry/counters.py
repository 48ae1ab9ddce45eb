"""Counters and histograms of the request path: Prometheus' own to whoever reads, cheap to write.

prometheus_client takes a lock for every number it changes and looks for a bucket one by one, which
made up a tenth of a purchase. These are written by one thread only, the event loop's, and need
none; a scrape in another thread sees each number whole, if not all of the same instant.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.utils import floatToGoString


class Tally:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, by: float = 1) -> None:
        """Count."""
        self.value += by


class Spread:
    """Observations by bucket. Bucket `i` holds those of at most `edges[i]`, the last the others."""

    __slots__ = ("counts", "edges", "sum")

    def __init__(self, edges: tuple[float, ...]) -> None:
        self.edges = edges
        self.counts = [0] * (len(edges) + 1)
        self.sum = 0.0

    def observe(self, amount: float) -> None:
        """Note an observation."""
        self.sum += amount
        self.counts[bisect_left(self.edges, amount)] += 1

    def observe_none(self) -> None:
        """Note an observation of nothing, which is most waits: no bucket to be looked for."""
        self.counts[0] += 1


class Counter:
    """Tallies by label values."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str], *, registry: CollectorRegistry
    ) -> None:
        self._about = (name, text, labels)
        self._tallies: dict[tuple[str, ...], Tally] = {}
        registry.register(self)

    def labels(self, *values: str) -> Tally:
        """The tally of these label values."""
        return self._tallies.setdefault(values, Tally())

    def collect(self) -> Iterator[CounterMetricFamily]:
        """What a scrape reads."""
        name, text, labels = self._about
        family = CounterMetricFamily(name, text, labels=labels)
        for values, tally in list(self._tallies.items()):
            family.add_metric(values, tally.value)
        yield family


class Histogram:
    """Spreads by label values."""

    def __init__(
        self,
        name: str,
        text: str,
        labels: Sequence[str],
        *,
        buckets: tuple[float, ...],
        registry: CollectorRegistry,
    ) -> None:
        self._about = (name, text, labels)
        self._edges = buckets
        self._les: list[str] = [
            floatToGoString(edge)  # type: ignore[no-untyped-call]
            for edge in (*buckets, float("inf"))
        ]
        self._spreads: dict[tuple[str, ...], Spread] = {}
        registry.register(self)

    def labels(self, *values: str) -> Spread:
        """The spread of these label values."""
        spread = self._spreads.get(values)
        if spread is None:
            spread = self._spreads[values] = Spread(self._edges)
        return spread

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What a scrape reads: cumulative buckets, as Prometheus counts them."""
        name, text, labels = self._about
        family = HistogramMetricFamily(name, text, labels=labels)
        for values, spread in list(self._spreads.items()):
            total = 0
            buckets = []
            for le, count in zip(self._les, spread.counts, strict=True):
                total += count
                buckets.append((le, total))
            family.add_metric(values, buckets, spread.sum)
        yield family


class Silent:
    """Takes the place of a counter, gauge or histogram."""

    def __init__(self, *_: Any, **__: Any) -> None:
        return

    def labels(self, *_: str) -> "Silent":
        """The same for all labels."""
        return self

    def inc(self, _: float = 1) -> None:
        """Count nothing."""

    def set(self, _: float) -> None:
        """Show nothing."""

    def set_function(self, _: Callable[[], float]) -> None:
        """Ask nobody."""

    def observe(self, _: float) -> None:
        """Observe nothing."""

    def observe_none(self) -> None:
        """Observe not even nothing."""
