"""`@measured(kind, name)`: counts and times calls that cross a boundary of the process."""

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from time import perf_counter
from typing import Any, ParamSpec, TypeVar

from dress_rehearsal.target_app.telemetry.metrics import BOUNDARY_CALLS, BOUNDARY_DURATION

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def measured(
    kind: str, name: str
) -> Callable[
    [Callable[_Arguments, Awaitable[_Result]]],
    Callable[_Arguments, Coroutine[Any, Any, _Result]],
]:
    """Measure an async function; `kind` is the neighbour (`redis`, `kafka`), `name` the call.

    A call that raises, or is cancelled, is a failure; a refusal that is returned is a success.
    """
    success = BOUNDARY_CALLS.labels(kind, name, "success")
    failure = BOUNDARY_CALLS.labels(kind, name, "failure")
    duration = BOUNDARY_DURATION.labels(kind, name)

    def decorate(
        function: Callable[_Arguments, Awaitable[_Result]],
    ) -> Callable[_Arguments, Coroutine[Any, Any, _Result]]:
        @wraps(function)
        async def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
            began_s = perf_counter()
            counter = failure
            try:
                result = await function(*args, **kwargs)
                counter = success
            finally:
                counter.inc()
                duration.observe(perf_counter() - began_s)
            return result

        return call

    return decorate
