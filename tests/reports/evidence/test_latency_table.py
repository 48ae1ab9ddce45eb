"""A latency is the same for whichever rows it is asked for, and however many at a time."""

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.reports.evidence import latency_table

WORKED_OUT = ["intended_s", "felt_ms", "generator_ms", "system_ms"]


@pytest.fixture(autouse=True)
def a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(latency_table, "_AT_ONCE", 97)


def test_each_latency_is_the_difference_of_its_two_times(healthy):
    table, rows = healthy.latency, healthy.requests
    felt_ms = (rows["done_ns"] - rows["intended_ns"]).astype("Float64") / 1e6
    late_ms = (rows["sent_ns"] - rows["intended_ns"]).astype("Float64") / 1e6
    plain = (rows["role"] != "stream").to_numpy(dtype=bool)
    assert len(table) == len(rows) > 10 * 97
    assert np.array_equal(
        table["felt_ms"][plain], felt_ms[plain].to_numpy("float64", na_value=np.nan), equal_nan=True
    )
    assert np.array_equal(
        table["generator_ms"], late_ms.to_numpy("float64", na_value=np.nan), equal_nan=True
    )


def test_some_rows_have_what_they_have_among_all(healthy):
    table = healthy.latency
    which = np.arange(len(table)) % 7 == 3
    every = table[["step", "student", "counts", *WORKED_OUT]]
    pd.testing.assert_frame_equal(table.loc[which, list(every)], every[which])
    pd.testing.assert_series_equal(table.loc[pd.Series(which), "felt_ms"], every["felt_ms"][which])
    for part in (table.within(which), table.within(np.flatnonzero(which))):
        pd.testing.assert_frame_equal(part[list(every)], every[which])
    assert table.loc[which & False, "felt_ms"].empty


def test_values_are_the_column_without_its_index(healthy):
    table = healthy.latency
    which = np.arange(len(table)) % 7 == 3
    for name in ("student", "counts", *WORKED_OUT):
        assert np.array_equal(table.values(name), table[name].to_numpy(), equal_nan=True)
        own = table.loc[which, name].to_numpy()
        assert np.array_equal(table.values(name, which), own, equal_nan=True)
    assert not len(table.values("felt_ms", which & False))


def test_a_column_that_is_none_is_said_to_be(healthy):
    with pytest.raises(KeyError, match="read_lag_ms"):
        healthy.latency["read_lag_ms"]
