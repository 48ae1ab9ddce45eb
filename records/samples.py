"""What is read of a source at one time, and what everything that can be read has in common."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol, Self

from dress_rehearsal.records.errors import RecordError


def labels_json(**labels: str | int) -> str:
    """Return labels as the metrics table has them: a compact JSON object with sorted keys."""
    texts = {key: str(value) for key, value in labels.items()}
    return json.dumps(texts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Series(NamedTuple):
    """What a sample is of; make `labels` with `labels_json`."""

    source: str
    name: str
    labels: str


class Sample(NamedTuple):
    """A row of the metrics table (`tables.METRICS`); make `labels` with `labels_json`."""

    t_ns: int
    source: str
    name: str
    labels: str
    value: float


class Reading(NamedTuple):
    """Samples of one time: `values[i]` is of `series[i]`."""

    t_ns: int
    series: Sequence[Series]
    values: Sequence[float]

    @classmethod
    def of(cls, t_ns: int, values: Mapping[Series, float]) -> Self:
        """Return a reading of each series' value."""
        return cls(t_ns, list(values), list(values.values()))

    @classmethod
    def of_sample(cls, sample: Sample) -> Self:
        """Return a reading of one sample."""
        return cls(sample.t_ns, [Series(*sample[1:4])], [sample.value])


class Source(Protocol):
    """Something read at every tick, always from the same thread."""

    name: str
    """Names it in `collector_failed_total`."""

    def read(self) -> Reading:
        """Return what it says now, or give up within about a second.

        Raises:
            SourceUnreadableError: it gave no usable answer; the next call tries afresh.
        """

    def close(self) -> None:
        """Give back its connection."""


class SourceUnreadableError(RecordError):
    """A source gave no usable answer.

    Args:
        down: what says so in the metrics table, such as `pg_up` = 0.
    """

    def __init__(self, message: str, down: Reading | None = None) -> None:
        super().__init__(message)
        self.down = down or Reading(0, (), ())


def select(
    readings: Iterable[Reading], name: str, source: str, labels: Mapping[str, str]
) -> list[float]:
    """Return the values of the series of that name that begin with `source` and carry `labels`."""
    return [
        value
        for reading in readings
        for series, value in zip(reading.series, reading.values, strict=True)
        if series.name == name
        and series.source.startswith(source)
        and labels.items() <= json.loads(series.labels).items()
    ]
