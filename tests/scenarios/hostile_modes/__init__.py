"""The modes of the hostile target: every way of answering badly that there is, by its name."""

import itertools
from typing import Final

from tests.scenarios.hostile_modes import bodies, rooms, wire
from tests.scenarios.hostile_target import Mode

MODES: Final[dict[str, Mode]] = dict(
    itertools.chain(
        wire.heads(),
        wire.statuses(),
        bodies.bodies(),
        bodies.tokens(),
        bodies.timings(),
        bodies.claims(),
        rooms.pictures(),
        rooms.rooms(),
    )
)
