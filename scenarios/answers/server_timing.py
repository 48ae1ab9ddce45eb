"""`Server-Timing`: where the target says that a request's time went, as the record's columns."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dress_rehearsal.records import tables
from dress_rehearsal.scenarios.answers.vocabulary import Vocabulary
from dress_rehearsal.scenarios.client.limits import LONGEST_TIMING

DURATIONS: Final = tuple(
    f"{part}_us"
    for part in ("queue", "pool", "db_connect", "db", "redis_connect", "redis", "external", "app")
)
"""Columns with a part's time in microseconds."""
NAMES: Final = {"pool": b"pool", "worker": b"app"}
"""Columns with a word, and the part whose description it is."""
_ABSENT: Final = -1
_LONGEST_US: Final = 2**31 - 1

# Neither looks at a byte more often than a few times, whatever the header is: from each part's name
# on at most so many parameters are passed over.
_DURATION: Final = re.compile(
    rb"(?:^|[,\s])(queue|pool|db_connect|db|redis_connect|redis|external|app)"
    rb"\s*(?:;(?!\s*dur=)[^;,]*){0,8}?;\s*dur=([^;,\s]*)"
)
_NAMED: Final = re.compile(rb'(?:^|[,\s])(pool|app)\s*;\s*desc="?([\w.-]{1,64})"?')


def read_timings(
    headers: Sequence[bytes], vocabularies: Mapping[str, Vocabulary], lost: Counter[str]
) -> dict[str, Any]:
    """Return the columns `DURATIONS` (-1 where a part is absent) and `NAMES` of a shard.

    Args:
        vocabularies: the words that each of `NAMES` has had so far; grow.
        lost: counts under `Server-Timing` what was said and cannot be kept.
    """
    columns: dict[str, Any] = {
        name: np.full(len(headers), _ABSENT, dtype=np.int32) for name in DURATIONS
    }
    named: dict[str, list[str | None]] = {name: [None] * len(headers) for name in NAMES}
    for row, header in enumerate(headers):
        if len(header) > LONGEST_TIMING:
            lost["Server-Timing"] += 1
            continue
        for part, duration in _DURATION.findall(header):
            us = _microseconds(duration)
            if us is None:
                lost["Server-Timing"] += 1
            else:
                columns[f"{part.decode()}_us"][row] = us
        if b"desc" in header:
            found = dict(_NAMED.findall(header))
            for name, part in NAMES.items():
                if part in found:
                    named[name][row] = found[part].decode()
    for name, said in named.items():
        kept, unkept = vocabularies[name].keep(said)
        lost[name] += unkept
        columns[name] = pa.array(kept, pa.string()).cast(tables.REQUESTS.field(name).type)
    return columns


def _microseconds(duration: bytes) -> int | None:
    """Return a duration given in milliseconds; None where it is no time that can have passed."""
    try:
        us = float(duration) * 1000
    except ValueError:
        return None
    return round(us) if 0 <= us <= _LONGEST_US else None
