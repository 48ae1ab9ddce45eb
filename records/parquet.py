"""Parquet files as every table of a run is kept in them: compressed, each page with its checksum.

A page whose bytes changed on the disk is noticed when it is read. Without a checksum it would be
read as other numbers, and judged.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dress_rehearsal.records.files import NotAFileError, regular
from dress_rehearsal.records.tables import LATER


def write(table: pa.Table, path: Path) -> None:
    """Write a table.

    Raises:
        OSError: it cannot be written.
    """
    # No two headers are the same, nor are the times of requests or their tickets: to gather those
    # in a dictionary takes longer, and more room. In tables without headers most values recur.
    kinds = {field.name: field.type for field in table.schema}
    words: Any = [name for name, kind in kinds.items() if pa.types.is_dictionary(kind)]
    worded = words if any(map(pa.types.is_binary, kinds.values())) else True
    pq.write_table(table, path, compression="zstd", write_page_checksum=True, use_dictionary=worded)


def read(path: Path, schema: pa.Schema) -> pa.Table:
    """Return a file's rows with the columns of `schema`, null where runs of before had none.

    Raises:
        UnreadableError: it is none, was damaged, or has other columns, or of other types.
    """
    try:
        with pq.ParquetFile(regular(path), page_checksum_verification=True) as file:
            _check_columns(file.schema_arrow, schema)
            table = file.read(use_threads=False)
        table = _with_columns(table, schema)
        table.validate(full=True)  # that its words are words: UTF-8, and in the dictionary
    except (NotAFileError, OSError, pa.ArrowException, ValueError) as error:
        # Without its folder: a run is judged to the same bytes anywhere.
        said = str(error).replace(str(path), path.name)
        raise UnreadableError(" ".join(said.split()).rstrip(".")) from error
    return table


def _check_columns(found: pa.Schema, schema: pa.Schema) -> None:
    names = found.names
    missing = [name for name in schema.names if name not in names and name not in LATER]
    if missing:
        raise UnreadableError(f"it has no column {missing[0]}")
    for name in schema.names:
        if name not in names:
            continue
        if names.count(name) > 1:
            raise UnreadableError(f"it has the column {name} more than once")
        if _plain(found.field(name).type) != _plain(schema.field(name).type):
            raise UnreadableError(f"its column {name} is of the type {found.field(name).type}")


def _with_columns(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with the columns of `schema`; those that say nothing take no memory each."""
    columns = []
    for field in schema:
        there = field.name in table.column_names
        if there and table[field.name].null_count < table.num_rows:
            columns.append(table[field.name].cast(field.type))
        else:
            columns.append(pa.chunked_array([nothing(table.num_rows, field.type)]))
    return pa.table(columns, schema=schema)


def nothing(count: int, kind: pa.DataType) -> pa.Array:
    """Return a column of nulls.

    Those of numbers share one memory, for a run has many columns of which nothing is known.
    """
    if not (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        return pa.nulls(count, kind)
    zeros = _zeros(count.bit_length())
    return pa.Array.from_buffers(kind, count, [zeros, zeros], count)


@lru_cache(maxsize=8)
def _zeros(bits: int) -> pa.Buffer:
    """Return zeros for less than 2**bits numbers: as values, and as the bits that know none."""
    return pa.py_buffer(bytes(8 << bits))


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values themselves, however they are kept."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


class UnreadableError(Exception):
    """A Parquet file cannot be read; the message says why."""
