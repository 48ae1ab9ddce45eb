"""Columns of a large table as pandas has them, in no more memory than what they say needs.

Of ten million requests a column of numbers is 80 MB, its nulls 10 MB. A column that says nothing,
or the same wherever it says anything, has its one value in memory; one without nulls, or with those
of a column before it, has none of its own.
"""

import ctypes
from collections.abc import Mapping
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


_AT_ONCE: Final = 1 << 27
"""Bytes of columns after which what they took is given back to the system."""


def ordered_columns(columns: dict[str, Any], keys: tuple[str, ...]) -> pd.DataFrame:
    """Return a table's rows in the order of some columns, the first key counting most.

    Args:
        columns: Arrow's, by name; each is let go once it is copied.
        keys: of columns of whole numbers.
    """
    rows = np.lexsort([columns[name].to_numpy() for name in reversed(keys)])
    order = pa.array(rows.astype(np.int32) if len(rows) <= np.iinfo(np.int32).max else rows)
    nulls: dict[int, list[NDArray[np.bool_]]] = {}
    frame, let_go = {}, 0
    for name in list(columns):
        frame[name] = _column(columns[name], order, nulls)
        let_go += columns.pop(name).nbytes
        if let_go >= _AT_ONCE:
            give_back()
            let_go = 0
    give_back()
    return pd.DataFrame(frame, index=pd.RangeIndex(len(rows)), copy=False)


def _column(column: Any, order: Any, nulls: dict[int, list[NDArray[np.bool_]]]) -> Any:
    """Return a column in that order.

    Args:
        nulls: which rows were null in columns before, by how many they were; added to.
    """
    kind = column.type
    if column.null_count == len(column) and not pa.types.is_dictionary(kind):
        return _empty(len(column), kind)
    if kind not in NULLABLE:
        return column.take(order).to_pandas()
    missing = _missing(column, order, nulls)
    only = pc.min_max(column).as_py()
    if only["min"] == only["max"]:
        values = np.broadcast_to(np.array(only["min"], kind.to_pandas_dtype()), len(column))
    else:
        values = column.fill_null(False if kind == pa.bool_() else 0).take(order).to_numpy()
    return _ARRAYS[pa.types.is_boolean(kind)](values, missing)


def _missing(column: Any, order: Any, nulls: dict[int, list[NDArray[np.bool_]]]) -> Any:
    """Return which rows of a column are null, in that order."""
    if not column.null_count:
        return np.broadcast_to(np.False_, len(column))
    missing = column.is_null().take(order).to_numpy()
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


def ordered(table: Any, keys: list[str]) -> pd.DataFrame:
    """Return the rows in one order whatever the shards' order was; integers keep their nulls."""
    kinds: Mapping[Any, Any] = NULLABLE
    frame: pd.DataFrame = table.to_pandas(types_mapper=kinds.get)
    return frame.sort_values(keys, kind="stable", ignore_index=True)
