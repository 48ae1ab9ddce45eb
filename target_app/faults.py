"""Faults: seeded defects, switched live and off by default, known to every process of the service.

The switches are kept in Redis; each process looks every `REFRESH_S` and keeps what it saw last
while Redis does not answer. Nothing here does any harm by itself: the places that misbehave ask
`FAULTS`, whose every grade is zero unless the service was started with `APP_FAULTS=on`.
"""

import random
from collections.abc import Awaitable, Callable
from types import MappingProxyType

FAULTS_KEY = "faults"  # Redis hash: fault -> grade
REFRESH_S = 0.1
SLOWER = "X-Slower-Seconds"  # header: has the neighbours answer so many seconds later

KINDS = MappingProxyType(
    {
        # name: what its grade is
        "leak": "share",
        "nested_acquire": "share",
        "slow_database": "seconds",
        "slow_external": "seconds",
        "slow_external_inside": "seconds",
        "loop_block": "seconds",
        "kill_after_grant": "switch",
        "redelivery": "share",
        "drop_queue_items": "items",
        "duplicate_check_before_lock": "seconds",
        "unique_off": "switch",
        "client_position": "switch",
        "double_decrement": "share",
        "early_open": "switch",
        "qr_replay": "switch",
        "views_lost": "share",
        "ineligible_granted": "switch",
    }
)


class Faults:
    """The switches as one process knows them."""

    def __init__(self) -> None:
        self._grades: dict[str, float] = {}
        self._claim: Callable[[str], Awaitable[bool]] | None = None

    def grade(self, fault: str) -> float:
        """How bad the fault is now: a share, seconds or items; 0 when it is off."""
        return self._grades.get(fault, 0.0)

    def strikes(self, fault: str) -> bool:
        """Whether the fault, whose grade is a share (or a switch), happens this time."""
        grade = self._grades.get(fault, 0.0)
        return grade > 0 and (grade >= 1 or random.random() < grade)

    def set_all(self, grades: dict[str, float]) -> None:
        """Replace what is known, as it was read from the store."""
        self._grades = {fault: grade for fault, grade in grades.items() if grade > 0}

    def claim_with(self, claim: Callable[[str], Awaitable[bool]]) -> None:
        """Have `claim` asked for faults that happen once in all processes together."""
        self._claim = claim

    async def claim(self, fault: str) -> bool:
        """Whether the fault, which happens once, happens here and now; it is off afterwards."""
        self._grades.pop(fault, None)
        return self._claim is not None and await self._claim(fault)


FAULTS = Faults()
"""This process's switches."""
