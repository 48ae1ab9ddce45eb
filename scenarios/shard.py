"""A shard: the rows of one hand-over, and the part of the `requests` table that they become.

Rows are packed one after the other, each as its numbers (no objects kept), and taken apart into
columns when the shard is written.
"""

import struct
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dress_rehearsal.records import tables
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.scenarios.answers.claims import read_claims
from dress_rehearsal.scenarios.answers.vocabulary import Vocabulary

ABSENT: Final = -1
"""Stands for null in a column until Arrow gets it."""
_KEPT_BODIES: Final = 64 * 1024 * 1024
"""Bytes of answers that wait to be looked into; what comes beyond until they are is not kept."""
_CODE_PER_BITS: Final = {1: "b", 8: "b", 16: "h", 32: "i", 64: "q"}
_CODES: Final = {
    field.name: _CODE_PER_BITS[field.type.bit_width]  # a word's is that of its position
    for field in tables.REQUEST_SHARDS
    if field.name not in (tables.SERVER_TIMING, *tables.CLAIMS.names)
}
"""Type codes of the columns that are recorded, in the order of a row's numbers."""
ROW: Final = struct.Struct("=" + "".join(_CODES.values()))
"""Packs the numbers of one row, in the order of `records.tables.REQUEST_SHARDS`."""
_ROW_TYPE: Final = np.dtype([(name, f"={code}") for name, code in _CODES.items()])


class Shard:
    """Rows of one hand-over."""

    __slots__ = ("bodies", "room", "rows", "timings")

    def __init__(self) -> None:
        self.rows = bytearray()
        """Each as `ROW` packs it."""
        self.timings: list[bytes] = []
        """Each answer's `Server-Timing` as it came, empty where there was none."""
        self.bodies: list[bytes] = []
        """Answers that claim something, as they came; of the rest nothing."""
        self.room = _KEPT_BODIES
        """Bytes of answers that can still be kept."""

    def __len__(self) -> int:
        return len(self.timings)

    def columns(self, begin: int = 0) -> dict[str, NDArray[Any]]:
        """Return a copy of the rows from one on, their columns by name.

        It is a copy because a buffer that somebody looks into cannot grow.
        """
        rows = np.frombuffer(bytes(memoryview(self.rows)[begin * ROW.size :]), dtype=_ROW_TYPE)
        return {name: rows[name] for name in _CODES}

    def table(
        self,
        steps: Steps,
        errors: list[str],
        vocabularies: Mapping[str, Vocabulary],
        lost: Counter[str],
    ) -> pa.Table:
        """Return the rows as `records.tables.REQUEST_SHARDS`.

        Args:
            steps: what `step` counts in.
            errors: the words that `error` counts in.
            vocabularies: the words of columns whose words are the target's, so far; grow.
            lost: counts, by its name, each value that the target said and that cannot be kept.
        """
        words = {
            "journey": list(tables.JOURNEYS),
            "step": list(steps.names),
            "outcome": list(tables.OUTCOMES),
            "error": errors,
        }
        arrays = []
        columns = self.columns()
        made = read_claims(
            columns["step"].tolist(), steps.roles, self.bodies, vocabularies["told_state"], lost
        )
        made[tables.SERVER_TIMING] = pa.array([each or None for each in self.timings], pa.binary())
        for field in tables.REQUEST_SHARDS:
            if field.name in made:
                arrays.append(made[field.name])
                continue
            values = np.ascontiguousarray(columns[field.name])
            null = values == ABSENT
            mask = null if null.any() else None
            if field.name in words:
                codes = pa.array(values, mask=mask)
                arrays.append(pa.DictionaryArray.from_arrays(codes, pa.array(words[field.name])))
            elif field.name == "new_connection":
                arrays.append(pa.array(values.astype(np.bool_)))
            else:
                arrays.append(pa.array(values, type=field.type, mask=mask))
        return pa.Table.from_arrays(arrays, schema=tables.REQUEST_SHARDS)
