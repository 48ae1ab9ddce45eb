"""Numbers as the verdict keeps them: rounded the same way every time; arithmetic on columns."""

from typing import Any

import numpy as np
import pandas as pd

from dress_rehearsal.records.tables import NS_PER_MS


def rounded(value: float, digits: int = 3) -> float | None:
    """Return a number rounded for the verdict, None for what is not finite: it was not measured."""
    if not np.isfinite(value):
        return None
    return round(float(value), digits) + 0.0  # + 0.0: no negative zero


def whole(value: float) -> int | float | None:
    """Return a count as an integer, a ratio rounded to three digits."""
    kept = rounded(value)
    return int(kept) if kept is not None and kept.is_integer() else kept


def span_ms(later: pd.Series, earlier: pd.Series) -> Any:
    """Return `later - earlier` of two columns of nanoseconds as floats in ms, NaN where null."""
    # Subtracted as integers: nanoseconds since the epoch do not fit a float.
    span = (later - earlier).to_numpy(dtype="float64", na_value=np.nan)
    return span / NS_PER_MS


def integers(column: pd.Series, missing: int = 0) -> Any:
    """Return a nullable integer column as an int64 array, `missing` where null."""
    return column.fillna(missing).to_numpy(dtype="int64")


def percentile(values: Any, share: float) -> float:
    """Return the exact percentile: the smallest measured value with `share` per cent below it.

    numpy's method "higher": a value that occurred, never one between two. NaN without values.
    """
    return float(np.percentile(values, share, method="higher")) if len(values) else float("nan")
