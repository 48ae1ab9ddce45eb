"""Entries of a history, as many runs as there are values."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dress_rehearsal.reports.history.entry import Entry

P99 = "latency_ms[POST /login].p99"
BEGAN = datetime(2026, 11, 1, 12, tzinfo=UTC)


def entry(number: int, value: float | None, metric: str = P99, **changed: Any) -> Entry:
    """Return the entry of the run with a number, which has a value of a metric."""
    when = BEGAN + timedelta(days=number)
    told: dict[str, Any] = {
        "run": f"{when:%Y%m%dT%H%M%SZ}-shop-{number:06d}",
        "when": when,
        "plan": "shop",
        "plan_digest": "d" * 12,
        "fingerprint": "m" * 12,
        "target": f"build-{number}",
        "harness": "0.1.0",
        "commit": "c" * 40,
        "verdict": "pass",
        "doubts": (),
        "numbers": {metric: value},
        **changed,
    }
    return Entry.model_validate(told)


@pytest.fixture(scope="session")
def entries() -> Callable[..., list[Entry]]:
    """Return an entry a value: `entries([100.0, 101.0])`."""

    def made(values: Sequence[float | None], first: int = 0, **changed: Any) -> list[Entry]:
        return [entry(number, value, **changed) for number, value in enumerate(values, start=first)]

    return made
