"""`Server-Timing` of a whole shard is read to the same as each header alone."""

from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from dress_rehearsal.records import tables
from dress_rehearsal.records.requests.server_timing import (
    _DURATION,
    _NAMED,
    _microseconds,
    with_few_words,
    with_timings,
)

_SCHEMA = tables.REQUESTS.append(tables.REQUEST_SHARDS.field(tables.SERVER_TIMING))


def shard(headers):
    columns = {field.name: pa.nulls(len(headers), field.type) for field in _SCHEMA}
    columns[tables.SERVER_TIMING] = pa.array(headers, pa.binary())
    return pa.table(columns, schema=_SCHEMA)


def read(headers):
    unkept = Counter()
    table = with_timings(shard(headers), unkept).select(tables.TIMINGS.names)
    assert table.schema == tables.TIMINGS
    return table.to_pylist(), +unkept


def alone(header):
    """What one header says, searched byte by byte: the definition."""
    row, lost = dict.fromkeys(tables.TIMINGS.names), 0
    for part, duration in _DURATION.findall(header or b""):
        us = _microseconds(duration)
        lost += us is None
        if us is not None:
            row[f"{part.decode()}_us"] = us
    for part, word in _NAMED.findall(header or b""):
        row["worker" if part == b"app" else "pool"] = word.decode()
    return row, lost


parts = st.sampled_from([b"app", b"db", b"db_connect", b"pool", b"redis", b"cache", b"mapp", b""])
spaces = st.sampled_from([b"", b"", b" ", b"\t", b"  "])
words = st.sampled_from(
    [
        b'"My db"',
        b'"x app"',
        b"4102",
        b'"4102"',
        b"a b",
        b'"a, db;dur=3"',
        b"\xff",
        b"w" * 65,
        b'"x',
    ]
)
numbers = st.one_of(
    st.floats(0, 3e6).map(lambda ms: b"%.3f" % ms),
    st.sampled_from(
        [b"", b"1", b"1.", b".5", b"1e3", b"1_0", b"+1", b"-1", b"-0", b"NaN", b"inf", b"1.2.3"]
        + [b"0x10", b"2147483.647", b"2147483.648", b"1e308", b"9" * 400, b"\xff", b"1\n", b"\x001"]
    ),
)
entries = st.builds(
    lambda part, a, desc, b, number, after: part + a + desc + b";" + b + b"dur=" + number + after,
    parts,
    spaces,
    st.one_of(st.just(b""), words.map(lambda word: b";desc=" + word), st.just(b";x=1;y")),
    spaces,
    numbers,
    st.one_of(spaces, st.sampled_from([b';desc="a b"', b";desc=a app;desc=b", b";dur=1"])),
)
plain = st.builds(
    lambda part, pid, ms: b"%b;desc=%d;dur=%.3f" % (part, pid, ms),
    parts,
    st.integers(1, 3),
    st.floats(0, 1000),
)
headers = st.one_of(
    st.none(),
    st.lists(st.one_of(plain, entries), max_size=5).map(b", ".join),
    st.lists(entries, max_size=4).map(b",".join),
    st.binary(max_size=40),
    st.text("apdbur=;,. 1\"'", max_size=60).map(str.encode),
)


@given(st.lists(headers, max_size=6))
def test_a_shard_says_what_each_header_says_alone(headers):
    rows, unkept = read(headers)
    expected = [alone(header) for header in headers]
    assert rows == [row for row, _ in expected]
    assert unkept.total() == sum(lost for _, lost in expected)


def test_a_part_that_is_said_twice_is_the_last_one_s():
    (row,), _ = read([b"app;desc=a;dur=1, app;dur=2, app;desc=b;dur=3, db;dur=1"])
    assert (row["app_us"], row["worker"], row["db_us"]) == (3000, "b", 1000)


def test_an_answer_without_the_header_says_nothing_and_its_neighbours_are_their_own():
    rows, unkept = read([None, b"app;dur=1", None, b"odd stuff", b"", b"app;dur=2"])
    assert [row["app_us"] for row in rows] == [None, 1000, None, None, None, 2000]
    assert not unkept


def test_a_shard_of_before_keeps_what_was_read_then():
    columns = shard([None, None])
    place = columns.column_names.index("app_us")
    old = columns.set_column(place, "app_us", pa.array([7, None], pa.int32()))
    assert with_timings(old, Counter())["app_us"].to_pylist() == [7, None]


def test_words_without_end_are_read_up_to_a_number_over_all_shards():
    unkept = Counter()
    said = [
        [b"app;desc=w%d;dur=1" % n for n in range(first, first + 600)]
        for first in (0, 300, 900, 40_000)
    ]
    shards = [with_timings(shard(headers), unkept) for headers in said]
    table = with_few_words(pa.concat_tables(shards).unify_dictionaries(), unkept)
    assert len(table["worker"].unique().drop_null()) == tables.MOST_WORDS
    assert table["worker"].null_count == unkept["worker"] == 500 + 600
    assert table["app_us"].null_count == 0


def test_words_without_end_in_one_shard_are_read_up_to_a_number():
    rows, unkept = read([b"app;desc=w%d;dur=1" % n for n in range(40_000)])
    assert len({row["worker"] for row in rows} - {None}) == tables.MOST_WORDS
    assert unkept == {"worker": 40_000 - tables.MOST_WORDS}
