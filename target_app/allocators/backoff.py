"""Full jitter: waits before trying again that keep those who collided from colliding again."""

import random
from typing import NamedTuple

from prometheus_client import Counter

from dress_rehearsal.target_app.telemetry.metrics import REGISTRY

RETRIES = Counter(
    "allocator_retries",
    "Sales tried again because somebody else was in between.",
    ("allocation",),
    registry=REGISTRY,
)


class FullJitter(NamedTuple):
    """Any wait from nothing to a ceiling that doubles with each attempt.

    As in "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015), where of several kinds of
    jitter this one finished the same work in the fewest calls.
    """

    base_s: float
    cap_s: float

    def wait_s(self, attempt: int) -> float:
        """Return how many seconds to wait after the `attempt`-th try, counted from 0."""
        return random.uniform(0.0, min(self.cap_s, self.base_s * 2.0 ** min(attempt, 30)))
