"""Looks up samples of the metrics table by name and puts many processes on one time grid."""

import json
from typing import Any

import numpy as np
import pandas as pd

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.numbers import integers

SILENT_NS = 2 * NS_PER_S
"""A gauge whose source said nothing for this long, and for longer than half as long again as it
usually takes, says nothing about now."""


class Samples:
    """The metrics table, indexed by name once: a run has half a million rows."""

    def __init__(self, metrics: pd.DataFrame) -> None:
        self._t_ns = integers(metrics["t_ns"])
        self._values = metrics["value"].to_numpy(dtype="float64")
        self._rows: dict[str, Any] = metrics.groupby("name", observed=True).indices
        self._source, self._sources = _coded(metrics["source"])
        self._label, self._labels = _coded(metrics["labels"])
        self._read: dict[int, dict[str, Any]] = {}
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
                found = self._read_labels(int(code))
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

    def _read_labels(self, code: int) -> dict[str, Any]:
        if code not in self._read:
            self._read[code] = json.loads(self._labels[code])
        return self._read[code]

    def increases(self, rows: pd.DataFrame, began_ns: int | None) -> pd.DataFrame:
        """Return how much each counter grew since its last sample at or before `began_ns`.

        A labelled counter exists only from its first increment on: one without a sample by then
        began at 0. None for `began_ns`: each grew since its own first sample.

        Returns:
            One row a series: source, labels, increase, last_ns (time of its source's last sample
            among `rows`).
        """
        keys = ["source", "labels"]
        last = rows.groupby(keys, sort=True)["value"].last()
        if began_ns is None:
            before = rows.groupby(keys)["value"].first()
        else:
            before = rows[rows["t_ns"] <= began_ns].groupby(keys)["value"].last()
        grown = (last - before.reindex(last.index, fill_value=0.0)).clip(lower=0)
        ends = grown.rename("increase").reset_index()
        ends["last_ns"] = ends["source"].map(rows.groupby("source")["t_ns"].max())
        return ends


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


def level_on(grid: Any, rows: pd.DataFrame) -> Any:
    """Return gauges added up over their sources on a grid; NaN where none had spoken recently."""
    total = np.zeros(len(grid))
    heard = np.zeros(len(grid), dtype=bool)
    for _, times, values in single_series(rows):
        usual_ns = (times[-1] - times[0]) / max(len(times) - 1, 1)
        recent_ns = max(SILENT_NS, 1.5 * usual_ns)
        position = np.searchsorted(times, grid, side="right") - 1
        known = (position >= 0) & (grid - times[np.maximum(position, 0)] <= recent_ns)
        total += np.where(known, values[np.maximum(position, 0)], 0.0)
        heard |= known
    return np.where(heard, total, np.nan)


def worst_on(grid: Any, rows: pd.DataFrame) -> Any:
    """Return the highest gauge of any one source on a grid, NaN where none had spoken recently."""
    worst = np.full(len(grid), np.nan)
    for _, own in rows.groupby("source"):
        worst = np.fmax(worst, level_on(grid, own))
    return worst


def count_on(grid: Any, rows: pd.DataFrame) -> Any:
    """Return counters added up over their sources on a grid; 0 before a series begins."""
    total = np.zeros(len(grid))
    for _, times, values in single_series(rows):
        total += last_on(grid, times, values)
    return total


def last_on(grid: Any, times: Any, values: Any) -> Any:
    """Return one series' last value at each instant of a grid; 0 before it begins."""
    position = np.searchsorted(times, grid, side="right") - 1
    return np.where(position >= 0, values[np.maximum(position, 0)], 0.0)


def single_series(rows: pd.DataFrame) -> list[tuple[str, Any, Any]]:
    """Split samples into series: labels (JSON text), times and values of each."""
    if rows.empty:
        return []
    source, sources = pd.factorize(rows["source"].to_numpy(dtype=object))
    label, labels = pd.factorize(rows["labels"].to_numpy(dtype=object))
    if len(sources) == len(labels) == 1:
        return [(labels[0], rows["t_ns"].to_numpy(), rows["value"].to_numpy())]
    pairs, codes = np.unique(source * len(labels) + label, return_inverse=True)
    words = [f"{sources[pair // len(labels)]}{labels[pair % len(labels)]}" for pair in pairs]
    places = np.argsort(np.array(words, dtype=object), kind="stable")
    codes = np.argsort(places)[codes]  # in the order of their words
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    texts = labels[label[order[starts]]]
    times = np.split(rows["t_ns"].to_numpy()[order], starts[1:])
    values = np.split(rows["value"].to_numpy()[order], starts[1:])
    return list(zip(texts, times, values, strict=True))
