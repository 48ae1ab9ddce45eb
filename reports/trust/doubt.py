"""A doubt: a reason why a run decides nothing, as a sentence and as a word."""

from typing import Final, NamedTuple

UNCOUNTED: Final = "foreign_cpu_unknown"
"""The doubt that nobody counted what other programs took of the CPU."""


class Doubt(NamedTuple):
    """Why a run decides nothing.

    Attributes:
        sentence: for people.
        word: one of `reports.trust.FINDINGS`; empty where there is none for it.
        untimely: why what was slow need not be the target's doing, as the end of a sentence; empty
            where it is. What a late generator excuses is told by `Generator.limited`.
        is_symptom: something else may be why, such as a busy machine of requests that left late;
            it is told after whatever is known to be a cause.
    """

    sentence: str
    word: str = ""
    untimely: str = ""
    is_symptom: bool = False
