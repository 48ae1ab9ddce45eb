"""Faults: seeded defects, switched live and off by default, known to every process of the service.

The switches are kept in Redis; each process looks every `REFRESH_S` and keeps what it saw last
while Redis does not answer. Nothing here does any harm by itself: the places that misbehave ask
`FAULTS`, whose every grade is zero unless the service was started with `APP_FAULTS=on`.
"""

import asyncio
import hashlib
import logging
import os
import random
import secrets
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from dress_rehearsal.target_app.errors import DependencyDownError
from dress_rehearsal.target_app.periodic import Periodic
from dress_rehearsal.target_app.telemetry.boundaries import measured
from dress_rehearsal.target_app.telemetry.metrics import FAULT_GRADE

if TYPE_CHECKING:
    from redis.asyncio import Redis

FAULTS_KEY = "faults"  # Redis hash: fault -> grade, and who was chosen for it
REFRESH_S = 0.1
SLOWER = "X-Slower-Seconds"  # header: has the neighbours answer so many seconds later
_DRAWN_BYTES = 8
_LOG = logging.getLogger(__name__)

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
        "late_open": "seconds",
        "enrolled_refused": "share",
        "sold_out_early": "share",
        "wrong_owner": "share",
        "qr_refused": "share",
        "last_first": "seconds",
        "held_refused": "share",
        "replay_forgotten": "share",
        "not_admitted_again": "share",
        "session_lost": "share",
        "entry_refused": "share",
        "lock_held": "seconds",
        "slow_code": "seconds",
        "busy_code": "seconds",
        "slow_login": "seconds",
        "slow_redis": "seconds",
    }
)


class Faults:
    """The switches as one process knows them."""

    def __init__(self) -> None:
        self._grades: dict[str, float] = {}
        self._claim: Callable[[str], Awaitable[bool]] | None = None
        self._choose: Callable[[str], Awaitable[bool]] | None = None
        self._chosen: dict[str, bool] = {}

    def grade(self, fault: str) -> float:
        """Return how bad the fault is now: a share, seconds or items; 0 when it is off."""
        return self._grades.get(fault, 0.0)

    def strikes(self, fault: str) -> bool:
        """Return whether the fault, whose grade is a share (or a switch), happens this time."""
        grade = self._grades.get(fault, 0.0)
        return grade > 0 and (grade >= 1 or random.random() < grade)

    def strikes_for(self, fault: str, whom: str) -> bool:
        """Return whether the fault, whose grade is a share, happens to a student or a ticket.

        It happens to the same ones whenever this is asked, in every process.
        """
        grade = self._grades.get(fault, 0.0)
        if not grade:
            return False
        drawn = hashlib.blake2b(f"{fault}\0{whom}".encode(), digest_size=_DRAWN_BYTES).digest()
        return int.from_bytes(drawn) < grade * 2.0 ** (8 * _DRAWN_BYTES)

    def set_all(self, grades: dict[str, float]) -> None:
        """Replace what is known, as it was read from the store."""
        self._grades = {fault: grade for fault, grade in grades.items() if grade > 0}
        self._chosen = {fault: is_so for fault, is_so in self._chosen.items() if self.grade(fault)}

    def claim_with(
        self,
        claim: Callable[[str], Awaitable[bool]],
        choose: Callable[[str], Awaitable[bool]],
    ) -> None:
        """Have `claim` asked for faults that happen once in all processes together.

        And `choose` for those that happen in one process, whether it is this one.
        """
        self._claim = claim
        self._choose = choose

    async def claim(self, fault: str) -> bool:
        """Return whether the fault, which happens once, happens now; it is off afterwards."""
        self._grades.pop(fault, None)
        return self._claim is not None and await self._claim(fault)

    async def is_chosen(self, fault: str) -> bool:
        """Return whether the fault, which happens in one process of all, happens in this one.

        It is the one that asks first. Raises `DependencyDownError` where Redis does not answer.
        """
        if fault not in self._chosen:
            self._chosen[fault] = self._choose is not None and await self._choose(fault)
        return self._chosen[fault]


FAULTS = Faults()
"""This process's switches."""


class FaultSwitches:
    """Reads the hash into `FAULTS`, and writes it. While Redis is down what was seen last holds.

    `redis` is an ordinary redis-py client (with socket timeouts), so that the switches neither
    wait for the service's own pool nor count in its metrics; they are boundary calls like any.
    """

    def __init__(self, redis: "Redis") -> None:
        self._redis: Any = redis
        self._one_at_a_time = asyncio.Lock()
        self._stale = False
        self._number = 1 + secrets.randbelow(2**48)

    def watching(self) -> Periodic:
        """Return what reads the switches every `REFRESH_S`; not started yet."""
        FAULTS.claim_with(self._claim, self._choose)
        for fault in KINDS:
            FAULT_GRADE.labels(fault).set_function(partial(FAULTS.grade, fault))
        return Periodic("fault-switches", REFRESH_S, self.refresh)

    async def refresh(self) -> None:
        """Read the switches now; keep the last ones where Redis does not answer."""
        try:
            async with self._one_at_a_time:
                await self._read()
        except (RedisError, OSError) as error:
            if not self._stale:
                _LOG.warning("the fault switches are stale: %s: %s", type(error).__name__, error)
            self._stale = True
        else:
            self._stale = False

    async def write(self, fault: str, grade: float) -> None:
        """Set one switch for every process, and know it here at once; 0 is off.

        Raises `DependencyDownError` where Redis does not answer.
        """
        try:
            async with self._one_at_a_time:
                await self._set(fault, grade)
                await self._read()
        except (RedisError, OSError) as error:
            raise DependencyDownError("Redis", f"{type(error).__name__}: {error}") from error

    @measured("redis", "set_fault")
    async def _set(self, fault: str, grade: float) -> None:
        if grade > 0:
            await self._redis.hset(FAULTS_KEY, fault, repr(grade))
        else:
            await self._redis.hdel(FAULTS_KEY, fault, _chosen_field(fault))

    @measured("redis", "read_faults")
    async def _read(self) -> None:
        held = await self._redis.hgetall(FAULTS_KEY)
        named = {name.decode(): grade for name, grade in held.items()}
        FAULTS.set_all({name: float(grade) for name, grade in named.items() if name in KINDS})

    @measured("redis", "claim_fault")
    async def _claim(self, fault: str) -> bool:
        """Switch `fault` off; True for the one caller in all processes who did."""
        return bool(await self._redis.hdel(FAULTS_KEY, fault))

    async def _choose(self, fault: str) -> bool:
        """Return whether this process was the first to ask since the fault was switched on."""
        try:
            return await self._find_chosen(_chosen_field(fault)) == self._number
        except (RedisError, OSError) as error:
            raise DependencyDownError("Redis", f"{type(error).__name__}: {error}") from error

    @measured("redis", "choose_process")
    async def _find_chosen(self, field: str) -> int:
        await self._redis.hsetnx(FAULTS_KEY, field, self._number)
        return int(await self._redis.hget(FAULTS_KEY, field) or 0)


def _chosen_field(fault: str) -> str:
    """Return the field beside a fault's grade that tells in which process it happens."""
    return f"{fault}:process"


async def after_grant() -> None:
    """Stand between the grant in the deciding store and whatever comes next.

    With `kill_after_grant` on, the first process of all that comes here dies like one killed from
    outside; the switch goes off with it, so it happens once.
    """
    if FAULTS.grade("kill_after_grant") and await FAULTS.claim("kill_after_grant"):
        _LOG.warning("killed by the fault kill_after_grant", extra={"killed_pid": os.getpid()})
        os.kill(os.getpid(), signal.SIGKILL)
