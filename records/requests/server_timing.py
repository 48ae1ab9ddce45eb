"""`Server-Timing`: where the target says that a request's time went, read from what is recorded.

A shard keeps the header as it came; it is read here, when a run is judged, for all of a shard at
once. Headers differ in their durations and hardly in anything else, so they are cut at commas and
at `;dur=`, and each distinct beginning of a part is looked at once. A header that cannot be cut so
is read alone, to the same result.
"""

import re
from collections import Counter
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dress_rehearsal.records import tables
from dress_rehearsal.records.parquet import nothing

_NAMED_BY: Final = {b"pool": "pool", b"app": "worker"}
"""The parts whose description is kept, and its column."""
_LONGEST_US: Final = 2**31 - 1
_NONE: Final = -1
"""A part whose time is not asked for, a word that is not said."""

_PARTS: Final = {name.removesuffix("_us").encode(): name for name in tables.TIMES}
_ALTERNATIVES: Final = b"|".join(_PARTS)
# Neither looks at a byte more often than a few times, whatever the header is: from each part's name
# on at most so many parameters are passed over.
_DURATION: Final = re.compile(
    rb"(?:^|[,\s])(%b)\s*(?:;(?!\s*dur=)[^;,]*){0,8}?;\s*dur=([^;,\s]*)" % _ALTERNATIVES
)
_NAMED: Final = re.compile(rb'(?:^|[,\s])(pool|app)\s*;\s*desc="?([\w.-]{1,64})"?')
_PLAIN: Final = re.compile(rb'\s?([^\s;,]+)(?:;desc=(?:("?)([\w.-]{1,64})\2|("[^";,]*")))?')
"""What stands before a `;dur=` where nothing has to be searched for."""
_PLAIN_DURATION: Final = r'^(?P<ms>[0-9]{1,9}(?:\.[0-9]{0,9})?)(?:;desc="[^";,]*")?$'
"""… and after it."""


def with_timings(table: pa.Table, unkept: Counter[str]) -> pa.Table:
    """Return requests as `records.tables.REQUESTS`: with what their headers say as columns.

    Args:
        table: as `records.tables.RECORDED`, and, of a run of before the header itself was kept,
            with those columns.
        unkept: counts, by its name, each value that was said and is none that can be kept.
    """
    headers = table["server_timing"]
    if headers.null_count < len(headers):
        made = _read(headers.combine_chunks(), unkept)
        for name, column in made.items():
            place = table.column_names.index(name)
            table = table.set_column(place, tables.REQUESTS.field(name), column)
    return table.select(tables.REQUESTS.names)


def with_few_words(table: pa.Table, unkept: Counter[str]) -> pa.Table:
    """Return requests whose headers' words are no more than the record of a run holds.

    Args:
        table: as `records.tables.REQUESTS`, each dictionary the same in all its chunks.
        unkept: counts, by its column, each word that is left out.
    """
    for name in tables.TIMING_WORDS:
        column = table[name]
        words = column.chunk(0).dictionary if column.num_chunks else ()
        if len(words) > tables.MOST_WORDS:
            kept = [_few(chunk.indices, chunk.dictionary, name, unkept) for chunk in column.chunks]
            place = table.column_names.index(name)
            table = table.set_column(place, table.schema.field(name), pa.chunked_array(kept))
    return table


def _read(headers: Any, unkept: Counter[str]) -> dict[str, Any]:
    """Return the columns `tables.TIMES` and `tables.TIMING_WORDS` of a shard."""
    rows = np.flatnonzero(np.asarray(headers.is_valid()))
    times = {name: np.full(len(headers), _NONE, dtype=np.int32) for name in tables.TIMES}
    codes = {name: np.full(len(headers), _NONE, dtype=np.int32) for name in tables.TIMING_WORDS}
    words: dict[str, dict[bytes, int]] = {name: {} for name in tables.TIMING_WORDS}
    odd = _read_plain(headers.drop_null(), rows, times, codes, words)
    for row in rows[odd]:
        header = headers[row].as_py()
        for part, duration in _DURATION.findall(header):
            us = _microseconds(duration)
            if us is None:
                unkept["Server-Timing"] += 1
            else:
                times[_PARTS[part]][row] = us
        for part, word in _NAMED.findall(header):
            name = _NAMED_BY[part]
            codes[name][row] = words[name].setdefault(word, len(words[name]))
    made: dict[str, Any] = {}
    for name, spent in times.items():
        unsaid = spent == _NONE
        said = not unsaid.all()
        made[name] = pa.array(spent, mask=unsaid) if said else nothing(len(headers), pa.int32())
    for name, own in codes.items():
        known = pa.array([word.decode() for word in words[name]], pa.string())
        made[name] = _few(pa.array(own, mask=own == _NONE), known, name, unkept)
    return made


def _read_plain(
    headers: Any,
    rows: NDArray[np.int64],
    times: dict[str, NDArray[np.int32]],
    codes: dict[str, NDArray[np.int32]],
    words: dict[str, dict[bytes, int]],
) -> NDArray[np.bool_]:
    """Fill in what plain headers say; return which of them are not plain.

    Args:
        headers: none of them null, each of the row of the same place in `rows`.
    """
    said = pc.split_pattern(headers, ",")
    cut = pc.split_pattern(said.values, ";dur=")
    of = np.repeat(np.arange(len(headers)), np.diff(np.asarray(said.offsets)))
    """Each part's header."""
    in_two = np.diff(np.asarray(cut.offsets)) == 2
    odd = np.zeros(len(headers), dtype=bool)
    odd[of[~in_two]] = True
    of = of[in_two]
    first = np.asarray(cut.offsets)[:-1][in_two]
    heads = cut.values.take(pa.array(first)).dictionary_encode()
    us = _all_microseconds(cut.values.take(pa.array(first + 1)))
    odd[of[np.isnan(us)]] = True
    found = [_plain(head) for head in heads.dictionary.to_pylist()]
    head_of = np.asarray(heads.indices)
    odd[of[np.array([head is None for head in found], dtype=bool)[head_of]]] = True
    plain = ~odd[of]
    head_of, rows_of, us = head_of[plain], rows[of[plain]], us[plain]
    part_of = np.array([head.part if head else _NONE for head in found], dtype=np.int32)[head_of]
    for number, (part, name) in enumerate(_PARTS.items()):
        own = part_of == number
        times[name][rows_of[own]] = us[own]  # of a part that is said twice the last
        if part not in _NAMED_BY:
            continue
        named, known = codes[_NAMED_BY[part]], words[_NAMED_BY[part]]
        word_of = np.array(
            [
                known.setdefault(head.word, len(known))
                if head and head.part == number and head.word
                else _NONE
                for head in found
            ],
            dtype=np.int32,
        )[head_of]
        own = word_of != _NONE
        named[rows_of[own]] = word_of[own]
    return odd


class _Head(NamedTuple):
    """What stands before a `;dur=`: a part's place in `_PARTS`, -1 of one that nobody asks for, and
    its description, None where there is none."""

    part: int
    word: bytes | None


def _plain(head: bytes) -> _Head | None:
    """Return what a head says, None where it has to be searched for that."""
    found = _PLAIN.fullmatch(head)
    if found is None or (found[4] and found[1] in _NAMED_BY):
        return None
    return _Head(list(_PARTS).index(found[1]) if found[1] in _PARTS else _NONE, found[3])


def _all_microseconds(durations: Any) -> NDArray[np.float64]:
    """Return durations given in milliseconds, NaN where one is not plainly a number."""
    try:
        known = durations.cast(pa.string()).cast(pa.float64())
    except pa.ArrowInvalid:
        plain = pc.struct_field(pc.extract_regex(durations, _PLAIN_DURATION), "ms")
        known = plain.cast(pa.string()).cast(pa.float64())
    with np.errstate(over="ignore"):
        us = np.rint(known.to_numpy(zero_copy_only=False) * 1000)
    return np.where((us >= 0) & (us <= _LONGEST_US), us, np.nan)


def _microseconds(duration: bytes) -> int | None:
    """Return a duration given in milliseconds; None where it is no time that can have passed."""
    try:
        us = float(duration) * 1000
    except ValueError:
        return None
    return round(us) if 0 <= us <= _LONGEST_US else None


def _few(codes: Any, words: Any, name: str, unkept: Counter[str]) -> Any:
    """Return a column of words, null where one is beyond those that a run's record holds."""
    if len(words) > tables.MOST_WORDS:
        beyond = pc.greater_equal(codes, tables.MOST_WORDS)
        unkept[name] += pc.sum(beyond).as_py() or 0
        codes, words = pc.if_else(beyond, None, codes), words.slice(0, tables.MOST_WORDS)
    kind = tables.REQUESTS.field(name).type
    return pa.DictionaryArray.from_arrays(codes.cast(kind.index_type), words)
