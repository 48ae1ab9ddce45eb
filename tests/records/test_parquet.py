"""Tables on the disk: a byte that changed there is noticed, never read as another number."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dress_rehearsal.records import parquet, tables
from dress_rehearsal.records.parquet import UnreadableError


def requests(**columns):
    count = len(next(iter(columns.values())))
    return pa.table(
        {
            field.name: pa.array(columns[field.name], field.type)
            if field.name in columns
            else pa.nulls(count, field.type)
            for field in tables.REQUESTS
        },
        schema=tables.REQUESTS,
    )


@pytest.fixture
def path(tmp_path):
    parquet.write(requests(intended_ns=range(50_000), student=[7] * 50_000), tmp_path / "a.parquet")
    return tmp_path / "a.parquet"


def test_what_was_written_is_read(path):
    table = parquet.read(path, tables.REQUESTS)
    assert table.schema == tables.REQUESTS
    assert table["intended_ns"].to_pylist() == list(range(50_000))


def test_what_hardly_recurs_is_gathered_in_no_dictionary(path, tmp_path):
    def gathered(path):
        group = pq.ParquetFile(path).metadata.row_group(0)
        columns = map(group.column, range(group.num_columns))
        return {column.path_in_schema for column in columns if column.has_dictionary_page}

    shard = pa.table(
        {field.name: pa.nulls(9, field.type) for field in tables.REQUEST_SHARDS},
        schema=tables.REQUEST_SHARDS,
    )
    parquet.write(shard, tmp_path / "shard.parquet")
    words = {field.name for field in shard.schema if pa.types.is_dictionary(field.type)}
    assert gathered(tmp_path / "shard.parquet") == words
    assert {"student", "intended_ns"} <= gathered(path)


def test_200_zeroed_bytes_are_noticed(path):
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    middle = column.data_page_offset + column.total_compressed_size // 2
    content = bytearray(path.read_bytes())
    content[middle : middle + 200] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(UnreadableError):
        parquet.read(path, tables.REQUESTS)


def test_every_page_has_its_checksum(path):
    column = pq.ParquetFile(path).metadata.row_group(0).column(5)  # student: a short page
    end = column.dictionary_page_offset + column.total_compressed_size
    content = bytearray(path.read_bytes())
    content[end - 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match="CRC checksum"):
        parquet.read(path, tables.REQUESTS)


@pytest.mark.parametrize("keep", [0, 3, 4, 100, -1, -9])
def test_a_file_cut_short_is_told(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UnreadableError):
        parquet.read(path, tables.REQUESTS)


def test_the_sentence_is_the_same_anywhere(path, tmp_path):
    path.write_bytes(b"PAR1 none")
    with pytest.raises(UnreadableError) as raised:
        parquet.read(path, tables.REQUESTS)
    assert str(tmp_path) not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda t: t.drop_columns(["student"]), "no column student"),
        (lambda t: t.rename_columns(["x", *t.column_names[1:]]), "no column intended_ns"),
        (
            lambda t: t.set_column(5, "student", pa.array(["a"] * t.num_rows)),
            "column student is of the type string",
        ),
        (
            lambda t: t.set_column(5, "student", pa.array([1.5] * t.num_rows)),
            "column student is of the type double",
        ),
        (lambda t: t.append_column("student", t["student"]), "student more than once"),
    ],
)
def test_a_table_of_another_schema_is_told(path, change, what):
    pq.write_table(change(parquet.read(path, tables.REQUESTS)), path)
    with pytest.raises(UnreadableError, match=what):
        parquet.read(path, tables.REQUESTS)


def test_a_column_that_earlier_runs_did_not_have_is_null(path):
    pq.write_table(
        parquet.read(path, tables.REQUESTS).drop_columns([*tables.LATER & {"worker"}]), path
    )
    assert parquet.read(path, tables.REQUESTS)["worker"].null_count == 50_000


def test_words_that_are_no_text_are_told(tmp_path):
    names = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff"))
    rows = requests(intended_ns=[1])
    place = rows.column_names.index("told_ticket")
    pq.write_table(rows.set_column(place, "told_ticket", names), tmp_path / "a.parquet")
    with pytest.raises(UnreadableError, match="UTF8"):
        parquet.read(tmp_path / "a.parquet", tables.REQUESTS)


def test_a_folder_or_a_pipe_in_its_place_is_told(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place, what in ((tmp_path, "a folder"), (tmp_path / "pipe", "a pipe")):
        with pytest.raises(UnreadableError, match=what):
            parquet.read(place, tables.REQUESTS)
