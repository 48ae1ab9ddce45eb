"""How far a gate's number is from its limit."""

from fractions import Fraction
from typing import Final

from dress_rehearsal.plans import parse_limit
from dress_rehearsal.reports.metrics import bucket_of, in_unit_of
from dress_rehearsal.reports.page.tables.table import Cell
from dress_rehearsal.reports.schema import GateResult, Measured
from dress_rehearsal.reports.words import EMPTY, bound_words, percent, written

_MANY: Final = 2
"""From so many times the limit on, a share of it is hard to read."""


def margin_cell(gate: GateResult, measured: Measured) -> Cell:
    """Return how far a number is from its limit, as a share of it: "62% under the limit", "3 × the
    limit"; it is sorted by that share, what is below first.

    A dash where there is no such share: the number is not known or only its bucket, or the limit
    is 0.
    """
    limit = parse_limit(gate.limit)
    if gate.value is None or limit.value == 0 or bucket_of(measured, gate.metric):
        return Cell(EMPTY)
    times = in_unit_of(limit, gate.metric, gate.value, measured) / limit.value
    words = bound_words(_words(times), at_least=gate.given_up is not None)
    if times == 0 and gate.status == "pass":
        words = "none at all"
    return Cell(words, sort=round(float(times) - 1, 6))


def _words(times: Fraction) -> str:
    off = times - Fraction(1)
    if times >= _MANY:
        return f"{written(round(float(times), 1))} × the limit"
    if off == 0:
        return "exactly at the limit"
    rounded_off = round(abs(float(off)), 3)
    share = percent(rounded_off) if rounded_off else "less than 0.1%"
    return f"{share} {'over' if off > 0 else 'under'} the limit"
