"""Looks up samples of the metrics table by name and puts many processes on one time grid."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.numbers import integers

SILENT_NS = 2 * NS_PER_S
"""A gauge whose source said nothing for this long, and for longer than half as long again as it
usually takes, says nothing about now."""


class Series(NamedTuple):
    """The samples of one metric from one source with one set of labels, by their times.

    Attributes:
        labels: JSON text.
        t_ns, values: arrays of one length, at least 1.
    """

    source: str
    labels: str
    t_ns: Any
    values: Any

    def label(self, key: str) -> str:
        """Return one label's value, empty where it has no such label."""
        return str(_labels(self.labels).get(key, ""))


Rows: TypeAlias = pd.DataFrame | Sequence[Series]
"""Samples of one metric: as `Samples.named` has them, or split already, which takes no time."""


class Samples:
    """The metrics table, indexed by name once: a run has half a million rows."""

    def __init__(self, metrics: pd.DataFrame) -> None:
        self._t_ns = integers(metrics["t_ns"])
        self._values = metrics["value"].to_numpy(dtype="float64")
        self._rows: dict[str, Any] = metrics.groupby("name", observed=True).indices
        self._source, self._sources = _coded(metrics["source"])
        self._label, self._labels = _coded(metrics["labels"])
        self._split: dict[str, list[Series]] = {}
        self._series: dict[Any, tuple[Series, ...]] = {}
        self._named: dict[Any, pd.DataFrame] = {}
        """What was asked for before: judging asks for many metrics several times."""

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """Times of the first and the last sample, None without any."""
        return (int(self._t_ns.min()), int(self._t_ns.max())) if len(self._t_ns) else None

    def heard(self) -> dict[str, Any]:
        """Return when each source said anything: its samples' times, ascending, each once."""
        return {
            str(self._sources[code]): np.unique(self._t_ns[self._source == code])
            for code in np.unique(self._source)
        }

    def named(self, name: str, source: str = "", **labels: str) -> pd.DataFrame:
        """Return the samples of one metric in the order of their times.

        Args:
            source: a source, or the part before its pid, such as `app`; empty for all.
            labels: only samples with these labels' values.

        Returns:
            Columns t_ns (int64), source, labels (JSON text), value.
        """
        asked = (name, source, *sorted(labels.items()))
        if asked not in self._named:
            self._named[asked] = self._found(name, source, labels)
        return self._named[asked].copy(deep=False)  # a change to it is a change to a copy

    def _found(self, name: str, source: str, labels: dict[str, str]) -> pd.DataFrame:
        rows = self._rows.get(name, np.empty(0, dtype="int64"))
        if source:
            own = [word.partition(":")[0] == source for word in self._sources]
            rows = rows[np.array(own, dtype=bool)[self._source[rows]]]
        if labels:
            fits = np.zeros(len(self._labels), dtype=bool)
            for code in np.unique(self._label[rows]):
                found = _labels(self._labels[code])
                fits[code] = all(str(found.get(key, "")) == value for key, value in labels.items())
            rows = rows[fits[self._label[rows]]]
        index = pd.RangeIndex(len(rows))
        words = {
            "source": self._sources[self._source[rows]],
            "labels": self._labels[self._label[rows]],
        }
        return pd.DataFrame(
            {
                "t_ns": self._t_ns[rows],
                **{name: pd.Series(word, index, dtype=object) for name, word in words.items()},
                "value": self._values[rows],
            },
            index=index,
        )

    def series(self, name: str, source: str = "", **labels: str) -> tuple[Series, ...]:
        """Return what `named` does, split into series in the order of their sources and labels."""
        asked = (name, source, *sorted(labels.items()))
        if asked not in self._series:
            self._series[asked] = tuple(
                series
                for series in self._series_of(name)
                if source in ("", series.source.partition(":")[0])
                and all(series.label(key) == value for key, value in labels.items())
            )
        return self._series[asked]

    def _series_of(self, name: str) -> list[Series]:
        if name not in self._split:
            rows = self._rows.get(name, np.empty(0, dtype="int64"))
            codes = self._source[rows].astype("int64") * len(self._labels) + self._label[rows]
            self._split[name] = sorted(
                (
                    Series(
                        self._sources[self._source[own[0]]],
                        self._labels[self._label[own[0]]],
                        self._t_ns[own],
                        self._values[own],
                    )
                    for own in _parted(rows, codes)
                ),
                key=_words,
            )
        return self._split[name]

    @staticmethod
    def increases(rows: Rows, began_ns: int | None) -> pd.DataFrame:
        """Return how much each counter grew since its last sample at or before `began_ns`.

        A labelled counter exists only from its first increment on: one without a sample by then
        began at 0. None for `began_ns`: each grew since its own first sample.

        Returns:
            One row a series: source, labels, increase, last_ns (time of its source's last sample
            among `rows`).
        """
        found, last_ns = [], dict[str, int]()
        for source, labels, times, values in single_series(rows):
            last_ns[source] = max(int(times[-1]), last_ns.get(source, int(times[-1])))
            known = ~np.isnan(values)
            before = known if began_ns is None else known & (times <= began_ns)
            start = np.flatnonzero(before)[:1] if began_ns is None else np.flatnonzero(before)[-1:]
            began = values[start[0]] if len(start) else 0.0
            ended = values[np.flatnonzero(known)[-1]] if known.any() else np.nan
            found.append((source, labels, max(ended - began, 0.0)))
        grown = pd.DataFrame(found, columns=["source", "labels", "increase"])
        return grown.assign(last_ns=grown["source"].map(last_ns))


@lru_cache(maxsize=4096)
def _labels(text: str) -> dict[str, Any]:
    labels: dict[str, Any] = json.loads(text)
    return labels


def _parted(rows: Any, codes: Any) -> list[Any]:
    """Return the rows of each code, in the order they have."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    return np.split(rows[order], starts[1:]) if len(rows) else []


def _words(series: Series) -> str:
    return series.source + series.labels


def label(rows: pd.DataFrame, key: str) -> pd.Series:
    """Return one label's value of each sample, empty where it has no such label."""
    codes, texts = pd.factorize(rows["labels"])
    values = np.array([str(json.loads(text).get(key, "")) for text in texts], dtype=object)
    return pd.Series(values[codes], index=rows.index, dtype=object)


def _coded(column: pd.Series) -> tuple[Any, Any]:
    """Return a column of categories as codes and the words they stand for."""
    return column.cat.codes.to_numpy(), column.cat.categories.to_numpy(dtype=object)


def time_grid(start_ns: int, end_ns: int, interval_ns: int) -> Any:
    """Return the instants that every series is read at, from `start_ns` to past `end_ns`."""
    return np.arange(start_ns, end_ns + interval_ns, interval_ns, dtype="int64")


def level_on(grid: Any, rows: Rows) -> Any:
    """Return gauges added up over their sources on a grid; NaN where none had spoken recently."""
    total = np.zeros(len(grid))
    heard = np.zeros(len(grid), dtype=bool)
    for _, _, times, values in single_series(rows):
        usual_ns = (times[-1] - times[0]) / max(len(times) - 1, 1)
        recent_ns = max(SILENT_NS, 1.5 * usual_ns)
        position = np.searchsorted(times, grid, side="right") - 1
        known = (position >= 0) & (grid - times[np.maximum(position, 0)] <= recent_ns)
        total += np.where(known, values[np.maximum(position, 0)], 0.0)
        heard |= known
    return np.where(heard, total, np.nan)


def worst_on(grid: Any, rows: Rows) -> Any:
    """Return the highest gauge of any one source on a grid, NaN where none had spoken recently."""
    worst = np.full(len(grid), np.nan)
    for own in by_source(rows).values():
        worst = np.fmax(worst, level_on(grid, own))
    return worst


def count_on(grid: Any, rows: Rows) -> Any:
    """Return counters added up over their sources on a grid; 0 before a series begins."""
    total = np.zeros(len(grid))
    for _, _, times, values in single_series(rows):
        total += last_on(grid, times, values)
    return total


def last_on(grid: Any, times: Any, values: Any) -> Any:
    """Return one series' last value at each instant of a grid; 0 before it begins."""
    position = np.searchsorted(times, grid, side="right") - 1
    return np.where(position >= 0, values[np.maximum(position, 0)], 0.0)


def instants(rows: Sequence[Series]) -> Any:
    """Return when any of the series was read, each moment once."""
    return np.unique(np.concatenate([np.empty(0, "int64"), *(series.t_ns for series in rows)]))


def by_source(rows: Rows) -> dict[str, list[Series]]:
    """Return the series of each source, the sources in the order of their names."""
    found: dict[str, list[Series]] = {}
    for series in single_series(rows):
        found.setdefault(series.source, []).append(series)
    return dict(sorted(found.items()))


def single_series(rows: Rows) -> Sequence[Series]:
    """Split samples into series, in the order of their sources and labels."""
    if not isinstance(rows, pd.DataFrame):
        return rows
    source, sources = pd.factorize(rows["source"].to_numpy(dtype=object))
    label, labels = pd.factorize(rows["labels"].to_numpy(dtype=object))
    times, values = rows["t_ns"].to_numpy(), rows["value"].to_numpy()
    found = (
        Series(sources[source[own[0]]], labels[label[own[0]]], times[own], values[own])
        for own in _parted(np.arange(len(rows)), source * len(labels) + label)
    )
    return sorted(found, key=_words)
