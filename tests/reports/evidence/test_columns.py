"""Columns take what they say in memory, and say what pandas' own conversion does."""

import platform
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from dress_rehearsal.records.parquet import nothing
from dress_rehearsal.reports.evidence import columns
from dress_rehearsal.reports.evidence.columns import NULLABLE, ordered_columns

WORDS = pa.dictionary(pa.int16(), pa.string())
TABLE = pa.table(
    {
        "at": pa.array([30, 10, 20, 10], pa.int64()),
        "student": pa.array([1, 2, 0, 1], pa.int32()),
        "first": pa.array([None, 5, 6, None], pa.int64()),
        "second": pa.array([None, 8, 7, None], pa.int32()),
        "other": pa.array([1, None, 2, None], pa.int32()),
        "same": pa.array([4, 4, None, 4], pa.int32()),
        "said": pa.array([True, None, False, True]),
        "never": pa.nulls(4, pa.int64()),
        "unsaid": pa.nulls(4, pa.bool_()),
        "word": pa.array(["a", None, "b", "a"]).dictionary_encode().cast(WORDS),
        "wordless": pa.nulls(4, WORDS),
        "text": pa.array(["x", None, "y", "z"]),
        "textless": pa.nulls(4, pa.string()),
    }
)

LETTING_GO = """
import sys
from pathlib import Path
import numpy as np

def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) / 256

if sys.argv[1] == "as reports do":
    import dress_rehearsal.reports.evidence
large = np.ones(30 << 20, dtype=np.int8)
del large
before, small = resident_mib(), []
for _ in range(20):
    large = np.ones(10 << 20, dtype=np.int8)
    small.append((np.ones(1 << 16, dtype=np.int8), large))
small = [each for each, _ in small]
del large
print(resident_mib() - before)
"""
"""A program that holds twenty times 10 MiB, with a little in between each that it keeps."""


@pytest.fixture
def frame():
    return ordered_columns({name: TABLE[name] for name in TABLE.column_names}, ("at", "student"))


def test_every_column_is_as_pandas_has_it(frame):
    plain = TABLE.to_pandas(types_mapper=NULLABLE.get).sort_values(["at", "student"])

    pd.testing.assert_frame_equal(frame, plain.reset_index(drop=True), check_column_type=False)


def test_what_says_nothing_takes_no_memory(frame):
    assert frame["never"].array._data.strides == (0,)
    assert frame["never"].array._mask.strides == (0,)
    assert frame["same"].array._data.strides == (0,)
    assert frame["at"].array._mask.strides == (0,)


def test_the_same_nulls_are_kept_once(frame):
    first, second, other = (frame[name].array._mask for name in ("first", "second", "other"))

    assert np.shares_memory(first, second)
    assert not np.shares_memory(first, other)


def test_a_copy_can_be_changed(frame):
    changed = frame.copy()
    changed.loc[1, "never"] = 9
    changed.loc[1, "same"] = pd.NA

    assert changed["never"].tolist() == [pd.NA, 9, pd.NA, pd.NA]
    assert frame["never"].isna().all()
    assert changed["same"].isna().tolist() == [False, True, True, False]


def test_rows_are_in_one_order_whatever_the_shards_order_was():
    random = np.random.default_rng(4)
    table = {
        name: pa.chunked_array([pa.array(random.integers(0, most, 5_000))])
        for name, most in (("at", 40), ("student", 30), ("seq", 20))
    }
    expected = np.lexsort([table[name].to_numpy() for name in ("seq", "student", "at")])
    frame = ordered_columns(
        {**table, "row": pa.chunked_array([range(5_000)])}, ("at", "student", "seq")
    )

    assert frame["row"].tolist() == expected.tolist()


def test_what_hardly_any_row_says_is_kept_alone(monkeypatch):
    monkeypatch.setattr(columns, "_ROWS", 7)
    said = [None] * 50
    said[3], said[8], said[41] = 2**62 + 1, -5, 2**62 + 1
    table = {
        "at": pa.chunked_array([range(50, 0, -1)]),
        "code": pa.chunked_array([said], pa.int64()),
    }
    code = ordered_columns(table, ("at",), ("code",))["code"]

    assert code.array.npoints == 3
    assert code.dropna().to_dict() == {8: 2**62 + 1, 41: -5, 46: 2**62 + 1}
    assert code.isna().sum() == 47


def test_a_text_that_is_said_again_is_there_once():
    told = [None, "x" * 36, "y" * 36, "x" * 36]
    table = {"at": pa.chunked_array([range(4)]), "told": pa.chunked_array([told])}
    said = ordered_columns(table, ("at",), ("told",))["told"].dropna()

    assert said.to_dict() == {1: "x" * 36, 2: "y" * 36, 3: "x" * 36}
    assert said[1] is said[3]


def test_columns_are_let_go():
    arrow = {name: TABLE[name] for name in TABLE.column_names}
    ordered_columns(arrow, ("at", "student"))

    assert arrow == {}


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.bool_(), pa.string(), WORDS])
def test_nothing_is_a_column_of_nulls(kind):
    column = nothing(70_000, kind)

    column.validate(full=True)
    assert column.null_count == len(column) == 70_000
    assert column.type == kind


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="memory is glibc's to give back")
def test_what_is_let_go_is_given_back_also_from_among_what_is_kept():
    held_mib = {
        how: float(
            subprocess.run(
                [sys.executable, "-c", LETTING_GO, how], capture_output=True, text=True, check=True
            ).stdout
        )
        for how in ("as reports do", "as it comes")
    }

    assert held_mib["as reports do"] < 50 < held_mib["as it comes"]


def test_columns_of_nothing_share_one_memory():
    one, other = nothing(70_000, pa.int64()), nothing(80_000, pa.int32())

    assert one.buffers()[1].address == other.buffers()[1].address
