"""The latency of every request, worked out when it is asked for: of millions it is not kept.

felt = done - intended, generator = sent - intended, system = done - sent, all in milliseconds. When
a request was done, and which requests count in percentiles, is for `records.requests.latency` to
say.
"""

from collections.abc import Mapping
from typing import Any, Final, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dress_rehearsal.records.requests.latency import answered_at, felt_of
from dress_rehearsal.records.steps import STREAM
from dress_rehearsal.records.tables import ABANDONED, OUTCOMES
from dress_rehearsal.reports.numbers import integers, span_ms

_TIMES: Final = ("intended_ns", "sent_ns", "first_byte_ns", "done_ns")
_WORDS: Final = ("step", "role", "journey", "outcome")

GIVEN_UP: Final = ("timeout", "cut", "connect_timeout")
"""Words in `error` of requests that nobody waited for any longer: how long they would have taken is
not known."""

_ALL: Final = slice(None)
_AT_ONCE: Final = 1 << 18
"""Rows that are worked out together: of millions each step would take as much room again."""


class LatencyTable:
    """One row a request with its latencies; asked for columns and rows as a `pandas.DataFrame` is.

    Columns: step, role, journey, outcome (words); student (who is nobody on the roster is alone,
    below zero); intended_s (relative to T-0; NaN without one), felt_ms, generator_ms, system_ms;
    abandoned (its student needed the answer no more), answered (an `ok` or `refused` answer),
    given_up (waiting for it ended without one, so that it took so long at least), counts (belongs
    in percentiles).
    """

    def __init__(self, columns: "Mapping[str, pd.Series[Any]]", t0_ns: int | None) -> None:
        """Take `_TIMES` and the columns that are not worked out, all of one index."""
        self._columns, self._t0_ns = columns, t0_ns
        self.index = columns["step"].index

    def __len__(self) -> int:
        return len(self.index)

    @property
    def empty(self) -> bool:
        """Whether there is no request."""
        return not len(self)

    @property
    def loc(self) -> "_Rows":
        """Columns of some rows: `table.loc[which, "felt_ms"]`, or a list of them."""
        return _Rows(self)

    @overload
    def __getitem__(self, key: str) -> "pd.Series[Any]": ...
    @overload
    def __getitem__(self, key: list[str]) -> pd.DataFrame: ...
    def __getitem__(self, key: Any) -> Any:
        """Return a column, or several."""
        return self.loc[_ALL, key]

    def within(self, which: "NDArray[np.bool_] | NDArray[np.int64]") -> "LatencyTable":
        """Return the table of some of its rows: a bool array, or their places."""
        rows = {name: column.iloc[which] for name, column in self._columns.items()}
        return LatencyTable(rows, self._t0_ns)

    def column(self, name: str, which: Any) -> "pd.Series[Any]":
        """Return a column of some rows; what is worked out is so for those alone."""
        if name in self._columns:
            return self._columns[name][which]
        return pd.Series(self.values(name, which), self.index[which], name=name, copy=False)

    def values(self, name: str, which: Any = _ALL) -> NDArray[Any]:
        """Return a column of some rows as an array: without the index, which is as large again.

        Args:
            which: a bool array.
        """
        if name in self._columns:
            column: NDArray[Any] = self._columns[name].to_numpy()
            return column if which is _ALL else column[which]
        number = len(self) if which is _ALL else int(np.count_nonzero(which))
        values, found = np.empty(number), 0
        for first in range(0, len(self), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            own = self._worked_out(name, part, _ALL if which is _ALL else which[part])
            values[found : found + len(own)] = own
            found += len(own)
        return values

    def _worked_out(self, name: str, part: slice, which: Any) -> Any:
        """Return a column of those of the part's rows."""
        match name:
            case "intended_s":
                t0_ns = -1 if self._t0_ns is None else self._t0_ns
                return span_ms(self._ns("intended_ns", part, which), t0_ns) / 1e3
            case "felt_ms":
                later, earlier = self._answered_ns(part, which), "intended_ns"
            case "generator_ms":
                later, earlier = self._ns("sent_ns", part, which), "intended_ns"
            case "system_ms":
                later, earlier = self._answered_ns(part, which), "sent_ns"
            case _:
                raise KeyError(name)
        return span_ms(later, self._ns(earlier, part, which))

    def _ns(self, name: str, part: slice, which: Any) -> NDArray[np.int64]:
        """Return times, -1 where one is not known."""
        times: NDArray[np.int64] = integers(self._columns[name].iloc[part][which], missing=-1)
        return times

    def _answered_ns(self, part: slice, which: Any) -> NDArray[np.int64]:
        answered_ns = self._ns("done_ns", part, which)
        streams = (self._columns["role"].iloc[part][which] == STREAM).to_numpy(dtype=bool)
        if streams.any():
            first_byte_ns = self._ns("first_byte_ns", part, which)
            answered_ns = answered_at(first_byte_ns, answered_ns, streams)
        return answered_ns


class _Rows:
    """Some rows of a table, of which only the columns asked for are worked out."""

    def __init__(self, table: LatencyTable) -> None:
        self._table = table

    @overload
    def __getitem__(self, key: tuple[Any, str]) -> "pd.Series[Any]": ...
    @overload
    def __getitem__(self, key: tuple[Any, list[str]]) -> pd.DataFrame: ...
    def __getitem__(self, key: Any) -> Any:
        which, names = key
        if isinstance(which, pd.Series):
            which = which.to_numpy(dtype=bool)
        if isinstance(names, str):
            return self._table.column(names, which)
        columns = {name: self._table.column(name, which) for name in names}
        return pd.DataFrame(columns, index=self._table.index[which], copy=False)


def latency_of_requests(requests: pd.DataFrame, t0_ns: int | None) -> LatencyTable:
    """Return one row a request with its latencies.

    Args:
        t0_ns: when the sale opened; None: that is not known.
    """
    abandoned = (requests["error"] == ABANDONED).to_numpy(dtype=bool)
    made = {
        "student": _people(requests["student"]),
        "abandoned": abandoned,
        "answered": requests["outcome"].isin(["ok", "refused"]),
        "given_up": _given_up(requests),
        "counts": _counts(requests, abandoned),
    }
    columns = {name: requests[name] for name in (*_WORDS, *_TIMES)}
    for name, values in made.items():
        columns[name] = pd.Series(values, requests.index, name=name, copy=False)
    return LatencyTable(columns, t0_ns)


def _people(student: "pd.Series[Any]") -> Any:
    """Return whose each request is; who is nobody on the roster is drawn alone, below zero.

    For nobody knows whose other requests are theirs.
    """
    if not student.hasnans:
        return student.to_numpy()
    nobody = pd.Series(-1 - np.arange(len(student)), student.index, "Int64")
    return integers(student.astype("Int64").fillna(nobody))


def _given_up(rows: pd.DataFrame) -> NDArray[np.bool_]:
    given_up: NDArray[np.bool_] = rows["error"].isin(GIVEN_UP).to_numpy(dtype=bool)
    if given_up.any():  # a stream is answered by its first byte
        streamed = (rows["role"] == STREAM) & rows["first_byte_ns"].notna()
        given_up = given_up & ~streamed.to_numpy(dtype=bool)
    return given_up


def _counts(rows: pd.DataFrame, abandoned: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which count: words are looked at as places, nulls as -1."""
    outcomes, counts = pd.Categorical(rows["outcome"]), np.empty(len(rows), dtype=bool)
    places = pd.Index(OUTCOMES).get_indexer(outcomes.categories)
    streams = (rows["role"] == STREAM).to_numpy(dtype=bool)
    for first in range(0, len(rows), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        times = {name: rows[name].iloc[part] for name in _TIMES if name != "sent_ns"}
        columns = {name: integers(own, missing=-1) for name, own in times.items()}
        columns["outcome"] = places.take(outcomes.codes[part])
        counts[part] = felt_of(columns, streams[part], abandoned[part]).counts
    return counts
