"""`python -m benchmarks.app_empty`: a Litestar POST handler that does nothing, served like the app.

The yardstick for the reference app: the same server with the same settings in one worker.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, post

from dress_rehearsal.target_app.__main__ import granian_server
from dress_rehearsal.target_app.process import collect_garbage_seldom, die_with_parent
from dress_rehearsal.target_app.settings import Settings


@post("/")
async def nothing() -> None:
    """Do nothing."""


@asynccontextmanager
async def _tuned(_: Litestar) -> AsyncIterator[None]:
    collect_garbage_seldom()
    yield


def load() -> Litestar:
    """The application, with nothing in it that can be left out."""
    die_with_parent(os.getppid())
    return Litestar([nothing], lifespan=[_tuned], openapi_config=None, logging_config=None)


if __name__ == "__main__":
    granian_server(Settings.read(os.environ)).serve(target_loader=load, wrap_loader=False)
