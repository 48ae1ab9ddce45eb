"""`python -m benchmarks.app_silent`: the reference app without metrics, `Server-Timing` and trace.

What instruments cost is the difference to the app as it is. The service itself cannot be switched
like that, so its instruments are replaced here, each before the modules that use it are imported.
"""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import prometheus_client

from dress_rehearsal.target_app.telemetry import counters

_Function = TypeVar("_Function")


class Silent:
    """Takes the place of a counter, gauge or histogram."""

    def __init__(self, *_: Any, **__: Any) -> None:
        return

    def labels(self, *_: str) -> "Silent":
        """Return the same for all labels."""
        return self

    def nothing(self, *_: Any) -> None:
        """Count, show and observe nothing."""

    inc = set = set_function = observe = observe_none = nothing


def unmeasured(_kind: str, _name: str) -> Callable[[_Function], _Function]:
    """Take the place of `measured`: return functions as they are."""
    return lambda function: function


async def pass_on(self: Any, scope: Any, receive: Any, send: Any) -> None:
    """Take the place of the middleware: only what the routes need to know of the request."""
    if scope["type"] != "http":
        await self._inside(scope, receive, send)
        return
    middleware.begin_request(scope["headers"])
    self.services.in_flight += 1
    try:
        await self._inside(scope, receive, send)
    finally:
        self.services.in_flight -= 1


counters.Counter = counters.Histogram = prometheus_client.Gauge = Silent  # type: ignore[assignment,misc]

from dress_rehearsal.target_app.telemetry import boundaries  # noqa: E402 (once the instruments are replaced)

boundaries.measured = unmeasured  # type: ignore[assignment]

from dress_rehearsal.target_app import __main__ as service  # noqa: E402 (once the instruments are replaced)
from dress_rehearsal.target_app import middleware  # noqa: E402 (once the instruments are replaced)

middleware.RequestMiddleware.__call__ = pass_on  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(service.main())
