"""The step that stands for buying where a purchase is several requests (reserve, then pay).

The one whose p99 is the worst: a purchase is as slow as its slowest request. Before all others one
whose p99 might be without end, for so many of its requests were given up. Every headline, figure
and comparison that has one number for buying asks here.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dress_rehearsal.reports.evidence.latency import slowest_step
from dress_rehearsal.reports.schema import Latency, Measured
from dress_rehearsal.reports.words import written


class PurchaseStep(NamedTuple):
    """The step that stands for buying.

    Attributes:
        latency: what students felt there; its percentiles are None where nobody waited.
        declared: how many steps are for buying.
        asked: those of them that were asked at least once.
    """

    step: str
    latency: Latency
    declared: int
    asked: tuple[str, ...]

    @property
    def requests(self) -> str:
        """What its requests are called: "purchases" where they are all that there is to buying."""
        if self.declared == 1:
            return "purchases"
        return f"the requests of {self.step}{f', {self.which},' if self.which else ''}"

    @property
    def which(self) -> str:
        """Which of several steps it is; empty where no other was asked."""
        many = len(self.asked)
        return f"the slowest of {written(many)} steps that buy" if many > 1 else ""


def slowest_purchase_step(
    steps: Iterable[str], latency_ms: Mapping[str, Latency]
) -> PurchaseStep | None:
    """Return the step that stands for buying; None where there is none.

    Args:
        steps: the steps that are for buying.
        latency_ms: of each step of the run; those of other steps are not looked at.
    """
    own = {step: latency_ms[step] for step in steps if step in latency_ms}
    step = slowest_step(own) or max(own, key=lambda each: own[each].count, default=None)
    if step is None:
        return None
    asked = tuple(name for name, latency in own.items() if latency.count)
    return PurchaseStep(step, own[step], len(own), asked)


def purchase_step_of(measured: Measured) -> PurchaseStep | None:
    """Return the step that stands for buying in a run; None where there is none."""
    return slowest_purchase_step(measured.purchases, measured.latency_ms)
