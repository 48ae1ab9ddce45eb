"""Whether the user's own code kept the loop busy that everybody who acts shares.

What is blocked so is the generator, not the target: whoever was to act meanwhile was late, and the
answers that came lay about.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from dress_rehearsal.records.tables import LOOP_BUSY, NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.trust.doubt import Doubt
from dress_rehearsal.reports.words import seconds

_MOSTLY: Final = 0.5
_BUSY_SHARE: Final = 0.05
"""A loop that stands still for so much of a run is what its latencies are of."""


@dataclass(frozen=True, slots=True)
class Busy:
    """How long the generators' loops stood still: in all, while a line of the user's was seen to
    run, and at most at a time; and which lines these were, the one seen most first."""

    in_all_s: float
    named_s: float
    longest_s: float
    places: tuple[str, ...]

    @property
    def is_users_own(self) -> bool:
        """Whether it was the file's own code, rather than a machine that had no time for it."""
        return bool(self.places) and self.named_s >= _MOSTLY * self.in_all_s


def how_busy(evidence: Evidence) -> Busy:
    """Return how long the generators stood still, of those that watch whose code it is."""
    values: Counter[str] = Counter()
    longest_ms, places = 0, dict[str, None]()
    for event in evidence.events:
        if event.kind == "phase" and event.name == LOOP_BUSY:
            own = event.detail.get("values", {})
            values.update(own)
            longest_ms = max(longest_ms, own.get("longest_ms", 0))
            places |= dict.fromkeys(event.detail.get("places", []))
    return Busy(values["busy_ms"] / 1e3, values["named_ms"] / 1e3, longest_ms / 1e3, tuple(places))


def judge_busy(evidence: Evidence, late: Collection[Doubt]) -> list[Doubt]:
    """Return a doubt where the user's own code held up the loop that everybody shares.

    For longer than requests may start late, or for so large a share of the run that the tenth of
    each kind that is slowest may be so for that alone, or where requests were late. Locust's users
    mean nothing before they send it, so that nothing else tells that they were held up.

    Args:
        late: what was found of late requests.
    """
    busy = how_busy(evidence)
    closed = evidence.plan.load is not None
    if evidence.decisive_ns is None or not (busy.is_users_own or closed):
        return []
    begin_ns, end_ns = evidence.decisive_ns
    share = busy.in_all_s * NS_PER_S / max(end_ns - begin_ns, 1)
    too_often = busy.is_users_own and (share >= _BUSY_SHARE or bool(late))
    if not too_often and busy.longest_s <= evidence.plan.generator.max_late_start:
        return []
    words = (_of_users if closed else _of_students)(busy)
    held_up = "the generator itself was held up"
    return [Doubt(words, "late_sends", held_up, is_symptom=not busy.is_users_own)]


def _of_users(busy: Busy) -> str:
    whose = f", in {' and '.join(busy.places)}" if busy.is_users_own else ""
    return (
        f"The generator was {'busy' if whose else 'held up'} {_how_long(busy)}{whose}: meanwhile "
        f"no user could act and no answer was read, so latencies hold its own delays."
    )


def _of_students(busy: Busy) -> str:
    return (
        f"The scenario's own code kept the generator busy {_how_long(busy)}, in "
        f"{' and '.join(busy.places)}: meanwhile no other student could act. That is no slowness "
        f"of the target's: compute such things beforehand, or have another process do it."
    )


def _how_long(busy: Busy) -> str:
    in_all, longest = (seconds(round(span, 2)) for span in (busy.in_all_s, busy.longest_s))
    return f"for {in_all}, up to {longest} at a time"
