"""The ramp check: a handful of requests before a rush: does the target answer, and what time is it?

A target that is down, or turns everybody away already, is told before any load. The clock is told
by the `Date` of the answers (RFC 9110, 6.6.1): whole seconds, so it is known to within one.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from dress_rehearsal.compose.errors import TargetRefusedError
from dress_rehearsal.compose.target import Target
from dress_rehearsal.records import http

REQUESTS: Final = 3
AGREES_S: Final = 1.0
"""Clocks that differ by less are taken to agree."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """What a handful of requests showed.

    Attributes:
        statuses: of each request, 0 where there was no answer.
        clock_s: between what the target's clock is ahead of ours, in seconds; None: it did not say.
    """

    statuses: tuple[int, ...]
    clock_s: tuple[float, float] | None

    @property
    def off_s(self) -> float | None:
        """By how much at least the target's clock is ahead (behind: negative); None: it agrees, or
        nobody knows."""
        if self.clock_s is None:
            return None
        low, high = self.clock_s
        least = low if low > 0 else high if high < 0 else 0.0
        return least if abs(least) >= AGREES_S else None

    @property
    def words(self) -> str | None:
        """How the target's clock differs, in a sentence without its end; None: not as is known."""
        if self.off_s is None:
            return None
        ahead = "ahead of" if self.off_s > 0 else "behind"
        return f"The target's clock is {abs(self.off_s):.1f} s or more {ahead} this machine's"


def check_ramp(target: Target, path: str, headers: Mapping[str, str] | None = None) -> Ramp:
    """Ask a target the same harmless question a few times.

    Raises:
        TargetRefusedError: it answered none, or all with 429 or 5xx other than 501.
    """
    statuses: list[int] = []
    bounds: list[tuple[float, float]] = []
    trouble: http.NoAnswerError | None = None
    for _ in range(REQUESTS):
        sent_s = time.time()
        try:
            answer = target.send("GET", path, headers=headers)
        except http.NoAnswerError as error:
            trouble = error
            statuses.append(0)
            continue
        statuses.append(answer.status)
        if (told_s := _told_s(answer)) is not None:
            bounds.append((told_s - time.time(), told_s + 1 - sent_s))
    if not any(statuses):
        raise TargetRefusedError(
            f"The target {target.url} does not answer: {trouble}; it must be up before it is "
            f"rushed."
        )
    if all(_turns_away(status) for status in statuses):
        told = " and ".join(str(status) for status in sorted(set(statuses)) if status)
        raise TargetRefusedError(
            f"The target {target.url} answered {told} to all of {REQUESTS} requests before the "
            f"rush, so it is not rushed: it turns everybody away already."
        )
    low = max((low for low, _ in bounds), default=0.0)
    high = min((high for _, high in bounds), default=0.0)
    return Ramp(tuple(statuses), (low, high) if bounds and low <= high else None)


def _turns_away(status: int) -> bool:
    if status == HTTPStatus.NOT_IMPLEMENTED:
        return False  # it only knows no GET, as what is made of POSTs alone
    return status == 0 or status >= 500 or status == HTTPStatus.TOO_MANY_REQUESTS


def _told_s(answer: http.Answer) -> float | None:
    """Return what time an answer says it is; None where it says none, or kept it in a cache."""
    if "age" in answer.headers:
        return None
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
