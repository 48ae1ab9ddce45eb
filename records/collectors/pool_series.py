"""Pools of somebody else's app, read out of its metrics into the names that our own pools have.

So whatever judges, draws and shows the pools has one spelling to know: connections by state,
waits and holds in seconds, time-outs, each with the label `pool`.
"""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from dress_rehearsal.plans.sections.metrics import PoolNames
from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records.collectors.exposition import Exposed
from dress_rehearsal.records.collectors.near_names import nearest

FOUND: Final = "pool_series_found"
"""How many series of a preset, or of a name of the plan's own map, a text had."""

NO_NUMBER: Final = "NaN"
"""What stands for what is near where the series are there, and none of them says a number."""

MOST_POOLS: Final = 60
"""Of one entry; a thousand containers are no table."""
_LONGEST_NAME: Final = 60

_CONNECTION: Final = "db_client_connection_"
_CANONICAL: Final = {
    "used": ("db_client_connections", {"state": "used"}),
    "busy": ("pool_busy_seconds_total", {}),
    "max": (f"{_CONNECTION}max", {}),
    "pending": (f"{_CONNECTION}pending_requests", {}),
    "wait_sum": (f"{_CONNECTION}wait_time_seconds_sum", {}),
    "wait_count": (f"{_CONNECTION}wait_time_seconds_count", {}),
    "wait_bucket": (f"{_CONNECTION}wait_time_seconds_bucket", {}),
    "hold_sum": (f"{_CONNECTION}use_time_seconds_sum", {}),
    "hold_count": (f"{_CONNECTION}use_time_seconds_count", {}),
    "timeouts": (f"{_CONNECTION}timeouts_total", {}),
    "active": ("pool_server_active", {}),
}
"""What each name of a map is called in the metrics table, and its labels beside `pool`."""
_FIELDS: Final = tuple(_CANONICAL)
_COUNTERS: Final = frozenset(
    ("busy", "wait_sum", "wait_count", "wait_bucket", "hold_sum", "hold_count", "timeouts")
)
_TIMES: Final = ("wait_sum", "wait_bucket", "hold_sum")
_SECONDS: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_UNITS: Final = (
    (re.compile(r"_(milliseconds|millis|ms)(_|$)"), "ms"),
    (re.compile(r"_(microseconds|micros|us)(_|$)"), "us"),
    (re.compile(r"_(nanoseconds|nanos|ns)(_|$)"), "ns"),
    (re.compile(r"_seconds(_|$)"), "s"),
)
_TERM: Final = re.compile(r'(count\()?([A-Za-z_:][A-Za-z0-9_:.]*)(\{(?:[^"}]|"[^"]*")*\})?\)?')
_MATCHER: Final = re.compile(r'([A-Za-z_][A-Za-z0-9_.]*) *(!?=) *"([^"]*)"')

Key = tuple[str, ...]
"""Values of the labels that tell a pool from another."""
Values = dict[tuple[Key, str], float]
"""By pool and, of buckets, `le`, else an empty text."""


class PoolValue(NamedTuple):
    """A number of one pool, in the names and units of the metrics table."""

    name: str
    labels: dict[str, str]
    value: float


class Found(NamedTuple):
    """How many series there were `of` a preset or a name of the plan's map, and what is near."""

    of: str
    series: int
    near: str


@dataclass(frozen=True, slots=True)
class _Term:
    """One metric of an expression."""

    sign: str
    name: str
    equal: tuple[tuple[str, str], ...]
    unequal: tuple[tuple[str, str], ...]
    counts: bool

    def fits(self, labels: Mapping[str, str]) -> bool:
        return all(labels.get(key, "") == value for key, value in self.equal) and all(
            labels.get(key, "") != value for key, value in self.unequal
        )


@dataclass(frozen=True, slots=True)
class _Spelling:
    """A field's expression, parsed, and what its times are multiplied by to be seconds."""

    terms: tuple[_Term, ...]
    scale: float


class PoolSeries:
    """Finds the pools of one entry of `[[metrics]]` in what its text held.

    Args:
        entry: its name.
        families: by the preset's name, or "" for the plan's own map, the tables of names.
    """

    def __init__(self, entry: str, families: Mapping[str, Sequence[PoolNames]]) -> None:
        self._entry = entry
        self._families = families
        self._spellings = {
            (family, place, field): _spellings(names, field)
            for family, tables in families.items()
            for place, names in enumerate(tables)
            for field in _FIELDS
        }
        self.wanted = self._names_of(_FIELDS)
        """The names of all metrics that are to be looked at."""
        self.levels = self._names_of(frozenset(_FIELDS) - _COUNTERS)
        """Those of them that go up and down."""
        self.counters = self._names_of(_COUNTERS) - self.levels
        """Those of them that only grow, until their process begins anew."""

    def _names_of(self, fields: Collection[str]) -> frozenset[str]:
        return frozenset(
            term.name
            for (_, _, field), spellings in self._spellings.items()
            if field in fields
            for spelling in spellings
            for term in spelling.terms
        )

    def read(
        self, samples: Iterable[Exposed], seen: Iterable[str]
    ) -> tuple[list[PoolValue], list[Found]]:
        """Return the numbers of every pool, and what of the names was there.

        Args:
            seen: the names of all metrics of the text, or nothing yet of it read: `samples` is
                read first.
        """
        by_name: dict[str, list[Exposed]] = defaultdict(list)
        for sample in samples:
            by_name[sample.name].append(sample)
        values: list[PoolValue] = []
        found: list[Found] = []
        taken: set[str] = set()
        for family, tables in self._families.items():
            counts: dict[str, int] = defaultdict(int)
            silent: set[str] = set()
            for place, names in enumerate(tables):
                fields = {
                    field: self._field(by_name, family, place, field, names) for field in _FIELDS
                }
                for field, (read, number) in fields.items():
                    # 0 as the most is no limit, which is said by it.
                    counts[field] += number if read or field == "max" else 0
                    silent |= {field} if number and not read else set()
                    if field in names.zero_if_absent:
                        fields[field] = (read | _zeros(read, fields.values()), number)
                own = {field: read for field, (read, _) in fields.items()}
                values += self._named(family, names, own, taken)
            found += _found(family, tables, counts, silent, seen)
        return values, found

    def _field(
        self,
        by_name: Mapping[str, list[Exposed]],
        family: str,
        place: int,
        field: str,
        names: PoolNames,
    ) -> tuple[Values, int]:
        """Return a field's values by the first spelling that is there, and of how many series.

        Series may be there and say nothing: NaN, or 0 for no limit.
        """
        there = 0
        for spelling in self._spellings[family, place, field]:
            read, number = _evaluated(spelling.terms, by_name, names.name_label, field)
            there = there or number
            if read:
                if field in _TIMES and field != "wait_bucket":
                    read = {key: value * spelling.scale for key, value in read.items()}
                if field == "wait_bucket":
                    read = _scaled_edges(read, spelling.scale)
                return read, number
        return {}, there

    def _named(
        self, family: str, names: PoolNames, fields: Mapping[str, Values], taken: set[str]
    ) -> Iterator[PoolValue]:
        """Yield the values of a table's pools under their names, of those not `taken` yet."""
        keys = {key for read in fields.values() for key, _ in read}
        named = {key for key in keys if any(key)}
        everywhere = keys - named if named else set()
        fresh: dict[Key, str] = {}
        for key in sorted(named or keys):
            name = self._pool_name(family, key)
            if name not in taken and len(taken) + len(fresh) < MOST_POOLS:
                fresh[key] = name
        for field, read in fields.items():
            metric, labels = _CANONICAL[field]
            kind = {} if names.kind == "client" else {"kind": names.kind}
            for (key, edge), value in read.items():
                # A limit without the pools' label is every pool's; a count is, of a single one.
                shared = key in everywhere and (field == "max" or len(named) == 1)
                for own in named if shared else (key,):
                    if own in fresh:
                        le = {"le": edge} if edge else {}
                        yield PoolValue(metric, {"pool": fresh[own], **labels, **kind, **le}, value)
        taken.update(fresh.values())

    def _pool_name(self, family: str, key: Key) -> str:
        own = visible_line("/".join(part for part in key if part))[:_LONGEST_NAME]
        return f"{self._entry}.{own or family or 'pool'}"


def _zeros(read: Values, fields: Iterable[tuple[Values, int]]) -> Values:
    """Return 0 for each pool of which a field does not tell though others do; for none where what
    it tells is of all of them together."""
    keys = {key for other, _ in fields for key, _ in other}
    own = {key for key, _ in read}
    named = {key for key in keys if any(key)} or keys
    return {} if own - named else {(key, ""): 0.0 for key in named - own}


def _spellings(names: PoolNames, field: str) -> tuple[_Spelling, ...]:
    return tuple(
        _Spelling(_terms(text), _SECONDS[names.unit or _unit_of(text)] if field in _TIMES else 1.0)
        for text in getattr(names, field) or ()
    )


def _unit_of(text: str) -> str:
    """Return the unit that a metric's name says, seconds where it says none."""
    return next((unit for pattern, unit in _UNITS if pattern.search(text.partition("{")[0])), "s")


def _terms(text: str) -> tuple[_Term, ...]:
    terms, sign, end = [], "+", 0
    while (found := _TERM.match(text, end)) is not None:
        matchers = _MATCHER.findall(found[3] or "")
        terms.append(
            _Term(
                sign,
                found[2].replace(".", "_"),
                tuple((key.replace(".", "_"), value) for key, how, value in matchers if how == "="),
                tuple((key.replace(".", "_"), value) for key, how, value in matchers if how != "="),
                counts=bool(found[1]),
            )
        )
        sign, end = text[found.end() : found.end() + 3].strip(), found.end() + 3
    return tuple(terms)


def _evaluated(
    terms: Sequence[_Term], by_name: Mapping[str, list[Exposed]], name_label: Key, field: str
) -> tuple[Values, int]:
    """Return an expression's value for each pool that has all of its terms, and how many series."""
    total: Values = {}
    number = 0
    for position, term in enumerate(terms):
        own: Values = {}
        fitting = [each for each in by_name.get(term.name, ()) if term.fits(each.labels)]
        for sample in fitting:
            if not math.isfinite(sample.value):  # nobody has so many: it is not known
                continue
            place = (
                tuple(sample.labels.get(label, "") for label in name_label),
                sample.labels.get("le", "") if field == "wait_bucket" else "",
            )
            own[place] = own.get(place, 0.0) + (1.0 if term.counts else sample.value)
        if not fitting:
            return {}, 0
        number += len(fitting)
        total = own if position == 0 else _combined(total, own, term.sign)
    if field == "max":  # 0 and -1 are no limit
        total = {place: value for place, value in total.items() if value > 0}
    return total, number


def _combined(left: Values, right: Values, sign: str) -> Values:
    combined = {}
    for place in left.keys() & right.keys():
        one, other = left[place], right[place]
        if sign == "+":
            combined[place] = one + other
        elif sign == "-":
            combined[place] = max(one - other, 0.0)
        elif other > 0:
            combined[place] = one / other
    return combined


def _scaled_edges(read: Values, scale: float) -> Values:
    scaled = {}
    for (key, edge), value in read.items():
        try:
            limit = float(edge) * scale
        except ValueError:
            continue
        scaled[key, "+Inf" if math.isinf(limit) else repr(limit)] = value
    return scaled


def _found(
    family: str,
    tables: Sequence[PoolNames],
    counts: Mapping[str, int],
    silent: Collection[str],
    seen: Iterable[str],
) -> Iterator[Found]:
    """Yield what of a preset, or of each name of the plan's own map, was there.

    Args:
        silent: fields of which there are series, and none says a number.
    """
    if family:
        number = sum(counts.values())
        meant = [
            text for table in tables for field in _FIELDS for text in getattr(table, field) or ()
        ]
        near = NO_NUMBER if silent else _near(meant, seen)
        yield Found(family, number, "" if number else near)
        return
    for table in tables:
        for field in _FIELDS:
            texts = getattr(table, field) or ()
            if texts:
                number = counts[field]
                near = NO_NUMBER if field in silent else _near(texts, seen)
                yield Found(field, number, "" if number else near)


def _near(texts: Iterable[str], seen: Iterable[str]) -> str:
    """Return the names of a text's metrics that are most like those that were looked for."""
    best = nearest({term.name for text in texts for term in _terms(text)}, seen)
    return ", ".join(visible_line(near)[:_LONGEST_NAME] for near in best)
