"""Counters and histograms of the request path: Prometheus' own to whoever reads, cheap to write.

prometheus_client takes a lock for every number it changes and looks for a bucket one by one, which
made up a tenth of a purchase. These are written by one thread only, the event loop's, and need
none; a scrape in another thread sees each number whole, if not all of the same instant.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.utils import floatToGoString


class CounterChild:
    """A number that only grows, of one combination of label values."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, by: float = 1) -> None:
        """Count."""
        self.value += by


class HistogramChild:
    """Observations of one combination of label values.

    Bucket `i` counts those of at most `edges[i]`, the last one the others.
    """

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
    """A counter, with a child for each combination of label values."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str], *, registry: CollectorRegistry
    ) -> None:
        self._about = (name, text, labels)
        self._children: dict[tuple[str, ...], CounterChild] = {}
        registry.register(self)

    def labels(self, *values: str) -> CounterChild:
        """Return the child of these label values."""
        return self._children.setdefault(values, CounterChild())

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield what a scrape reads."""
        name, text, labels = self._about
        family = CounterMetricFamily(name, text, labels=labels)
        for values, child in list(self._children.items()):
            family.add_metric(values, child.value)
        yield family


class Histogram:
    """A histogram, with a child for each combination of label values."""

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
        self._children: dict[tuple[str, ...], HistogramChild] = {}
        registry.register(self)

    def labels(self, *values: str) -> HistogramChild:
        """Return the child of these label values."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = HistogramChild(self._edges)
        return child

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield what a scrape reads: cumulative buckets, as Prometheus counts them."""
        name, text, labels = self._about
        family = HistogramMetricFamily(name, text, labels=labels)
        for values, child in list(self._children.items()):
            total = 0
            buckets = []
            for le, count in zip(self._les, child.counts, strict=True):
                total += count
                buckets.append((le, total))
            family.add_metric(values, buckets, child.sum)
        yield family
