"""Columns of a large table as pandas has them, in no more memory than what they say needs.

Of ten million requests a column of numbers is 80 MB, its nulls 10 MB. A column that says nothing,
or the same wherever it says anything, has its one value in memory; one without nulls, or with those
of a column before it, has none of its own.
"""

import ctypes
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

NULLABLE: Final = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}
"""Of the integers of a table, which keep their nulls."""

_ARRAYS: Final = {True: pd.arrays.BooleanArray, False: pd.arrays.IntegerArray}


_AT_ONCE: Final = 1 << 26
"""Bytes of columns after which what they took is given back to the system."""
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_LARGE: Final = 1 << 22
"""Bytes of a large piece: more than what is reckoned with at a time, less than a column of a large
run, or its nulls."""
_KEPT: Final = 1 << 26
"""Bytes of small pieces that are kept for the next ones, as glibc comes to by itself."""
_ROWS: Final = 1 << 18
"""Rows that are looked at together: of all of them it would take as much room again."""


def ordered_columns(
    columns: dict[str, Any], keys: tuple[str, ...], seldom: Collection[str] = ()
) -> pd.DataFrame:
    """Return a table's rows in the order of some columns, the first key counting most.

    Args:
        columns: Arrow's, by name; each is let go once it is copied.
        keys: of columns of whole numbers.
        seldom: columns of which hardly anything is known: only that is kept (pandas' `Sparse`, of
            objects).
    """
    give_back()
    order = _order(columns, keys)
    nulls: dict[int, list[NDArray[np.bool_]]] = {}
    frame, let_go = {}, 0
    for name in list(columns):
        column = columns.pop(name)
        let_go += column.nbytes
        frame[name] = _column(column, order, nulls, seldom=name in seldom)
        del column
        if let_go >= _AT_ONCE:
            give_back()
            let_go = 0
    give_back()
    return pd.DataFrame(frame, index=pd.RangeIndex(len(order)), copy=False)


def _order(columns: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    """Return the places of the rows in the order of some columns, as `np.lexsort` does.

    Shards are in the order of their times but for a little, which a stable sort makes use of; the
    other keys are looked at where the first is the same.
    """
    first = columns[keys[0]].to_numpy()
    rows = np.argsort(first, kind="stable")
    if len(rows) <= np.iinfo(np.int32).max:
        rows = rows.astype(np.int32)
    same = np.zeros(max(len(rows) - 1, 0), dtype=bool)
    for begin in range(0, len(same), _ROWS):
        values = first[rows[begin : begin + _ROWS + 1]]
        same[begin : begin + _ROWS] = values[1:] == values[:-1]
    tied = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
    own = rows[tied]
    values = [columns[name].take(pa.array(own)).to_numpy() for name in reversed(keys)]
    rows[tied] = own[np.lexsort(values)]
    return pa.array(rows)


def _column(
    column: Any, order: Any, nulls: dict[int, list[NDArray[np.bool_]]], *, seldom: bool
) -> Any:
    """Return a column in that order.

    Args:
        nulls: which rows were null in columns before, by how many they were; added to.
        seldom: whether only what is known is kept, and where.
    """
    kind = column.type
    if seldom:
        return _sparse(column.combine_chunks().take(order))
    if column.null_count == len(column) and not pa.types.is_dictionary(kind):
        return _empty(len(column), kind)
    if kind not in NULLABLE:
        return column.take(order).to_pandas()
    only = pc.min_max(column).as_py()
    column = column.combine_chunks().take(order)
    missing = _missing(column, nulls)
    if only["min"] == only["max"]:
        values = np.broadcast_to(np.array(only["min"], kind.to_pandas_dtype()), len(column))
    else:
        filled = column.fill_null(False if kind == pa.bool_() else 0)
        values = filled.to_numpy(zero_copy_only=False)
    return _ARRAYS[pa.types.is_boolean(kind)](values, missing)


def _sparse(column: Any) -> Any:
    """Return a column of which hardly anything is known: as objects, None where it is not."""
    known = column.is_valid().to_numpy(zero_copy_only=False)
    told = column.drop_null().dictionary_encode()  # each object is there once
    values = told.dictionary.to_pandas().to_numpy(dtype=object)[told.indices.to_numpy()]
    kind, parts, used = pd.SparseDtype(object, np.nan), [], 0
    for first in range(0, max(len(known), 1), _ROWS):  # pandas takes much more than it keeps
        there = known[first : first + _ROWS]
        dense = np.full(len(there), None, dtype=object)
        until = used + int(there.sum())
        dense[there], used = values[used:until], until
        parts.append(pd.Series(pd.arrays.SparseArray(dense, dtype=kind)))
    return pd.concat(parts, ignore_index=True).array


def _missing(column: Any, nulls: dict[int, list[NDArray[np.bool_]]]) -> Any:
    """Return which rows of a column are null."""
    if not column.null_count:
        return np.broadcast_to(np.False_, len(column))
    missing = column.is_null().to_numpy(zero_copy_only=False)
    known = nulls.setdefault(column.null_count, [])
    for other in known:
        if np.array_equal(other, missing):
            return other
    known.append(missing)
    return missing


def _empty(count: int, kind: Any) -> Any:
    """Return a column that is null throughout."""
    if kind not in NULLABLE:
        return pa.nulls(count, kind).to_pandas()
    value = np.zeros((), kind.to_pandas_dtype())
    array = _ARRAYS[pa.types.is_boolean(kind)]
    return array(np.broadcast_to(value, count), np.broadcast_to(np.True_, count))


def give_back() -> None:
    """Give memory back to the system that shards took: glibc keeps it, for it was in small pieces.

    It is as much as all requests take. Elsewhere there is nothing to be done, or no need.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def keep_apart() -> None:
    """Have glibc take large pieces from the system each by itself: what is let go is given back.

    By itself it puts ever larger ones among the small, where what of a large run is let go stays.
    Elsewhere there is nothing to be done, or no need.
    """
    with suppress(AttributeError, OSError):
        for option, size in ((_M_MMAP_THRESHOLD, _LARGE), (_M_TRIM_THRESHOLD, _KEPT)):
            ctypes.CDLL(None).mallopt(option, size)


def ordered(table: Any, keys: list[str]) -> pd.DataFrame:
    """Return the rows in one order whatever the shards' order was; integers keep their nulls."""
    kinds: Mapping[Any, Any] = NULLABLE
    frame: pd.DataFrame = table.to_pandas(types_mapper=kinds.get)
    return frame.sort_values(keys, kind="stable", ignore_index=True)
