"""Rows that are there twice are noticed wherever their numbers lie."""

import numpy as np
import pyarrow as pa
import pytest

from dress_rehearsal.records import soundness
from dress_rehearsal.records.soundness import Bounds, Rules, sound_rows

BOUNDS = Bounds(0, 1, 1_000)
RULES = Rules(required=(), times=(), key=("student", "seq"))


@pytest.fixture(autouse=True)
def a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(soundness, "_ROWS", 7)


@pytest.mark.parametrize("least", [0, -40, -(2**31)])
@pytest.mark.parametrize("apart", [1, 9_000_000], ids=["close together", "far apart"])
def test_rows_are_left_out_that_are_there_twice(least, apart):
    student, seq = (each.ravel() for each in np.indices((10, 8)))
    order = np.random.default_rng(5).permutation(80)
    table = pa.table(
        {
            "student": pa.array(least + apart * student[order].astype(np.int64), pa.int32()),
            "seq": pa.array(seq[order], pa.int32()),
            "row": range(80),
        }
    )
    twice = pa.concat_tables([table, table.slice(11, 2).set_column(2, "row", [[80, 81]])])

    assert sound_rows(table, RULES, BOUNDS, "requests") == (table, [])
    single, damage = sound_rows(twice, RULES, BOUNDS, "requests")
    assert single["row"].to_pylist() == list(range(80))
    assert [each.what for each in damage] == ["2 rows are there twice; they are left out once"]
