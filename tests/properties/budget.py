"""How long a property is tried: a hundred examples, or for as many seconds as are asked for."""

import os
import time
from collections.abc import Callable
from typing import Final

import hypothesis

SECONDS_VARIABLE: Final = "REHEARSE_PROPERTY_S"
"""Environment variable with the seconds to try each property for; `make properties` sets it."""

_EXAMPLES: Final = 100


def try_out(property_: Callable[[], None], examples: int = _EXAMPLES) -> None:
    """Try a `hypothesis.given` function, other examples each time, until the time is up.

    Args:
        examples: how many at a time; fewer where each takes long.

    Raises:
        AssertionError: whatever the property says of the smallest example that breaks it.
    """
    seconds = os.environ.get(SECONDS_VARIABLE)
    until = time.monotonic() + float(seconds or 0)
    settings = hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=seconds is None,  # `make test` tries the same ones everywhere
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    tried = settings(property_)
    tried()
    while time.monotonic() < until:
        tried()
