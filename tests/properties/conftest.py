"""The reference app and its stores, for properties of what it answers."""

from tests.target_app.conftest import (  # noqa: F401 (fixtures, and what clears up after them)
    postgres,
    pytest_unconfigure,
    redis_server,
    root,
    roster_file,
    stage_in,
    wire,
)
