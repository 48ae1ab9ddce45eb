"""Candidates: an app's own series that look like a pool's, as a map of names to be checked.

A guess and no more: words of names are weighed. Nothing is named where no series speaks of
connections, threads or a pool, nor where only one thing of it is told.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dress_rehearsal.records.collectors.exposition import Exposed, read_exposition

_MOST: Final = 3
"""Maps that are proposed."""
_LONGEST: Final = 90
"""Characters of a metric's name; a longer one is none that somebody would want to copy."""
_SUBJECTS: Final = frozenset({"pool", "conn", "thread", "worker"})
_WORDS: Final = {
    "no pool": "memory mem bytes heap buffer gc cache disk file fd cpu http https tcp udp nginx ws "
    "socket websocket jvm go process session sessions request requests",
    "used": "busy used inuse active acquired borrowed checkedout leased taken",
    "max": "max maximum limit capacity",
    "pending": "pending waiting waiters awaiting queued queue",
    "idle": "idle free available",
    "size": "size open total",
    "timeouts": "timeout timeouts timedout",
    "wait": "wait waits waited acquire acquisition checkout borrow",
    "hold": "hold held usage use lease",
    "unit": "seconds milliseconds millis ms micros us nanos ns time duration count sum bucket "
    "current number num config gauge",
}
"""What a word of a name says that the metric is of; of several the last counts. Of what is `no
pool` there may be used and a maximum as well, and nobody waits for it."""
_SAID: Final = {word: role for role, words in _WORDS.items() for word in words.split()}
_SAME: Final = {
    "conns": "conn",
    "connection": "conn",
    "connections": "conn",
    "pools": "pool",
    "threads": "thread",
    "workers": "worker",
}
_MILLIS: Final = ("ms", "millis", "milliseconds")
_TOGETHER: Final = re.compile(r"(?<![a-z])(in_use|checked_out|timed_out)(?![a-z])")
_STATES: Final = ("state", "status")
_NAMING: Final = ("pool", "pool_name", "name", "db", "database", "datasource", "executor")
_ENDS: Final = ("_sum", "_count", "_bucket")
_TYPE: Final = re.compile(r"# TYPE (\S+) (counter|gauge|histogram|summary)\b")


@dataclass(frozen=True, slots=True)
class Candidate:
    """Series that may be one pool's, or several pools' with a label that tells them apart.

    Attributes:
        names: by the keys of a plan's own map, in their order.
    """

    names: Mapping[str, str]

    @property
    def lines(self) -> Sequence[str]:
        """It as lines of TOML, each a key and a text."""
        return [f"{key} = {_quoted(series)}" for key, series in self.names.items()]

    def __str__(self) -> str:
        """Return it as a plan has it, in one line of TOML."""
        return f"pools = {{ {', '.join(self.lines)} }}"


@dataclass(frozen=True, slots=True)
class _Told:
    """One series: what it may be of, what it is about, and how a plan would name it."""

    role: str
    about: tuple[str, ...]
    end: str
    series: str


def candidates(text: str, known: Collection[str] = ()) -> Sequence[Candidate]:
    """Return what of a text of metrics may be pools, the one of which most is told first.

    Args:
        known: metrics that a preset reads already.
    """
    seen: set[str] = set()
    list(read_exposition(text, (), seen))
    names = {name for name in seen - set(known) if len(name) <= _LONGEST}
    samples: dict[str, list[Exposed]] = defaultdict(list)
    for sample in read_exposition(text, names, set()):
        samples[sample.name].append(sample)
    counters = {name for name, kind in _TYPE.findall(text) if kind == "counter"}
    by_about: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for name in sorted(samples):
        for told in _told(name, samples[name], is_counter=name in counters):
            key = f"{told.role}{told.end}"
            by_about[told.about].setdefault(key, told.series)
    found = []
    for about, own in by_about.items():
        if _SUBJECTS & {*about, *(word for each in own.values() for word in _words(each))}:
            names_of = _map_of({**_shared(about, by_about), **own})
            if names_of:
                found.append(
                    Candidate({**names_of, **_unit(names_of), **_label(names_of, samples)})
                )
    found.sort(key=lambda each: (-len(each.names), list(each.names.values())))
    return found[:_MOST]


def _words(name: str) -> tuple[str, ...]:
    """Return the words of a name, those that are written in two as one."""
    plain = re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", name.partition("{")[0]).lower().replace(":", "_")
    plain = _TOGETHER.sub(lambda found: found[1].replace("_", ""), plain)
    return tuple(_SAME.get(word, word) for word in plain.split("_") if word)


def _told(name: str, samples: Sequence[Exposed], *, is_counter: bool) -> Iterator[_Told]:
    """Yield what a metric may tell of a pool: once, or once for each state that it counts."""
    words = _words(name)
    if any(_SAID.get(word) == "no pool" for word in words):
        return
    label = next((each for each in _STATES if any(each in s.labels for s in samples)), None)
    if label is None:
        yield from _of_words(words, name, name, is_counter=is_counter)
        return
    for state in sorted({sample.labels.get(label, "") for sample in samples}):
        if re.fullmatch("[A-Za-z_]{1,30}", state):
            series = f'{name}{{{label}="{state}"}}'
            yield from _of_words((*words, *_words(state)), name, series, is_counter=is_counter)


def _of_words(
    words: tuple[str, ...], name: str, series: str, *, is_counter: bool
) -> Iterator[_Told]:
    end = next((each for each in _ENDS if name.endswith(each)), "")
    roles = [_SAID[word] for word in words if _SAID.get(word, "unit") != "unit"]
    if not roles:
        return
    timed = [role for role in roles if role in ("wait", "hold")] if end else []
    strong = [role for role in roles if role not in ("size", "wait", "hold")]
    role = (timed or strong or roles)[-1]
    if role in ("wait", "hold"):
        if not end:
            return
    elif role == "timeouts":
        end = ""
    elif is_counter or end in ("_sum", "_bucket"):
        return  # used, max and waiting go up and down
    else:
        end = ""
    about = dict.fromkeys(word for word in words if word not in _SAID and word != "pool")
    yield _Told(role, tuple(about), end, series)


def _shared(
    about: tuple[str, ...], by_about: Mapping[tuple[str, ...], Mapping[str, str]]
) -> dict[str, str]:
    """Return the waits that are told with fewer words, or more, and can be of one pool only."""
    levels = [key for key, own in by_about.items() if "used" in own or "idle" in own]
    shared: dict[str, str] = {}
    for other, own in by_about.items():
        kin = [key for key in levels if key[: len(other)] == other or other[: len(key)] == key]
        if other and other != about and kin == [about]:
            shared |= {key: series for key, series in own.items() if key not in ("used", "idle")}
    return shared


def _map_of(told: Mapping[str, str]) -> dict[str, str]:
    """Return the map that a plan would have of what was told; nothing where that is too little."""
    names = {key: told[key] for key in ("used", "max", "pending") if key in told}
    whole = told.get("size") or told.get("max")
    if "used" not in names and "idle" in told and whole is not None:
        names = {"used": f"{whole} - {told['idle']}", **names}
    if "max" not in names and "size" in told and "idle" not in told:
        names["max"] = told["size"]
    for key in ("wait", "hold"):
        if f"{key}_sum" in told and f"{key}_count" in told:
            names |= {f"{key}_{end}": told[f"{key}_{end}"] for end in ("sum", "count")}
    if "wait_bucket" in told:
        names["wait_bucket"] = told["wait_bucket"]
    if "timeouts" in told:
        names["timeouts"] = told["timeouts"]
    enough = "used" in names and bool(names.keys() & {"max", "pending", "wait_sum", "wait_bucket"})
    order = ("used", "max", "pending", "wait_sum", "wait_count", "wait_bucket")
    rest = ("hold_sum", "hold_count", "timeouts")
    return {key: names[key] for key in (*order, *rest) if key in names} if enough else {}


def _unit(names: Mapping[str, str]) -> dict[str, str]:
    """Return the unit of the waits where their name tells it in a way that is not looked for."""
    word = next((word for word in _words(names.get("wait_sum", "")) if word in _MILLIS), "")
    return {} if not word or f"_{word}" in names["wait_sum"] else {"unit": "ms"}


def _label(names: Mapping[str, str], samples: Mapping[str, Sequence[Exposed]]) -> dict[str, str]:
    """Return the label that tells several pools from each other, where one does."""
    first = re.split(r"[{ ]", names["used"])[0]
    for label in _NAMING:
        if len({sample.labels.get(label, "") for sample in samples.get(first, ())}) > 1:
            return {"name_label": label}
    return {}


def _quoted(series: str) -> str:
    return f"'{series}'" if '"' in series else f'"{series}"'
