"""Which rows of a table could have been recorded: those, and only those, are judged.

A time that lies far from the run, a word or a student that does not exist was not recorded by
anybody: the file was changed. The value becomes null, as what was not measured; a row without
what every row has is left out.
"""

import json
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dress_rehearsal.records import tables
from dress_rehearsal.records.damage import Damage, is_shallow

_MOST_PLACES: Final = 8
"""Places for each pair at most, a byte each: as much as the pairs take in order."""
_ROWS: Final = 1 << 18
"""Rows that are looked at together: of all of them it would take as much room again."""


class Bounds(NamedTuple):
    """What the values of a run lie within: its times (Unix ns), and its number of students."""

    since_ns: int
    until_ns: int
    students: int


class Rules(NamedTuple):
    """What a table's rows have.

    Attributes:
        required: columns that are null in no row.
        times: columns of the run's own times. What a target says of times is its own word, and
            judged by the audit.
        words: columns whose words are all known.
        of_the_plan: columns of students that the plan has.
        json: columns of JSON objects.
        key: columns that together are the same in no two rows: a number, and a number or word.
        all_or_none: whether the rows prove something only together: of a ledger with holes nobody
            can say what is missing in the store.
    """

    required: tuple[str, ...]
    times: tuple[str, ...]
    words: tuple[tuple[str, tuple[str, ...]], ...] = ()
    of_the_plan: tuple[str, ...] = ()
    json: tuple[str, ...] = ()
    key: tuple[str, str] | None = None
    all_or_none: bool = False


REQUESTS: Final = Rules(
    required=("intended_ns", "student", "seq", "step", "outcome"),
    times=("intended_ns", "sent_ns", "first_byte_ns", "done_ns", "read_ns"),
    words=(("outcome", tables.OUTCOMES),),
    of_the_plan=("student",),
    key=("student", "seq"),
)
LOAD: Final = REQUESTS._replace(
    required=("intended_ns", "seq", "step", "outcome"), of_the_plan=(), key=("seq", "step")
)
"""Requests of a plain Locust file's users, who are no students."""
STUDENTS: Final = Rules(
    required=("student", "enrolled", "outcome"),
    times=("arrival_ns", "clicked_ns", "acked_ns", "issued_ns", "pending_ns"),
    key=("student", "outcome"),  # two outcomes of one student contradict, and the census says so
)
METRICS: Final = Rules(
    required=("t_ns", "source", "name", "labels", "value"), times=("t_ns",), json=("labels",)
)
LEDGER: Final = Rules(
    required=("source", "ticket"), times=("granted_ns", "committed_ns"), all_or_none=True
)


def sound_rows(
    table: pa.Table, rules: Rules, bounds: Bounds, file: str
) -> tuple[pa.Table, list[Damage]]:
    """Return the rows that could have been recorded, and what became of the others.

    Args:
        file: the table's, for the sentence.
    """
    if table.num_rows == 0:
        return table, []
    impossible = 0
    for name in table.column_names:
        wrong = _wrong(table[name], name, rules, bounds)
        count = 0 if wrong is None else pc.sum(wrong).as_py() or 0
        if count:
            impossible += count
            column = pc.if_else(wrong, pa.scalar(None, table[name].type), table[name])
            table = table.set_column(
                table.column_names.index(name), table.schema.field(name), column
            )
    whole = table
    if any(table[name].null_count for name in rules.required):
        masks = [pc.is_valid(table[name]) for name in rules.required]
        mask = masks[0]
        for each in masks[1:]:
            mask = pc.and_(mask, each)
        whole = table.filter(mask)
    damage = []
    if impossible:
        damage.append(Damage(file, f"{impossible} values cannot be; they are taken for unknown"))
    lost = table.num_rows - whole.num_rows
    if lost:
        what = f"{lost} of {table.num_rows} rows lack what every row has"
        if rules.all_or_none:
            whole = whole.slice(length=0)
        outcome = "all of it is left out" if rules.all_or_none else "they are left out"
        damage.append(Damage(file, f"{what}; {outcome}"))
    single = whole if rules.key is None else _single(whole, *rules.key)
    twice = whole.num_rows - single.num_rows
    if twice:
        damage.append(Damage(file, f"{twice} rows are there twice; they are left out once"))
    return single, damage


def _single(table: pa.Table, first: str, second: str) -> pa.Table:
    """Return the first of the rows that have the same two values."""
    one, other = _number_of_each(table[first]), _number_of_each(table[second])
    if _all_differ(one, other):
        return table
    _, places = np.unique(_pairs(one, other), return_index=True)
    return table.take(np.sort(places))


def _all_differ(one: NDArray[np.int64], other: NDArray[np.int64]) -> bool:
    """Return whether no two pairs of numbers are the same.

    Students' requests are counted from 0, so there are hardly more pairs than there may be: each is
    marked at its own place, which takes a fraction of the time that it takes to order them.
    """
    if not len(one):
        return True
    least, most = ([int(end(each)) for each in (one, other)] for end in (np.min, np.max))
    width = most[1] - least[1] + 1
    places = (most[0] - least[0] + 1) * width
    if places > _MOST_PLACES * len(one):
        ordered = np.sort(_pairs(one, other))
        return bool((ordered[1:] != ordered[:-1]).all())
    there = np.zeros(places, dtype=bool)
    for begin in range(0, len(one), _ROWS):
        part = slice(begin, begin + _ROWS)
        row = one[part].astype(np.int64) - least[0]
        there[row * width + (other[part] - least[1])] = True
    return int(np.count_nonzero(there)) == len(one)


def _pairs(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return pairs of numbers as one number each."""
    return (one.astype(np.int64) << 32) + other


def _number_of_each(column: Any) -> NDArray[np.int64]:
    """Return the values of a column of numbers, and a number for each word of a column of words."""
    if not pa.types.is_integer(column.type):
        column = column.cast(pa.string()).combine_chunks().dictionary_encode().indices
    return np.asarray(column)


def _wrong(column: Any, name: str, rules: Rules, bounds: Bounds) -> Any:
    """Return which values cannot be, null or false for the others; None where all can be."""
    if name in rules.times:
        low, high = bounds.since_ns, bounds.until_ns
        span = pc.min_max(column).as_py()
        if span["min"] is None or (span["min"] >= low and span["max"] <= high):
            return None
        return pc.or_(pc.less(column, low), pc.greater(column, high))
    if name in rules.of_the_plan:
        return pc.or_(pc.less(column, 0), pc.greater_equal(column, bounds.students))
    for own, words in rules.words:
        if name == own:
            return _not_among(column, set(words))
    if name in rules.json:
        return _not_among(column, {word for word in _words(column) if _is_object(word)})
    return None


def _words(column: Any) -> set[str]:
    return {word for word in column.unique().to_pylist() if word is not None}


def _not_among(column: Any, known: set[str]) -> Any:
    unknown = _words(column) - known
    if not unknown:
        return None
    text = column.cast(pa.string())
    return pc.and_(pc.is_valid(text), pc.is_in(text, value_set=pa.array(sorted(unknown))))


def _is_object(text: str) -> bool:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(read, dict) and is_shallow(read)
