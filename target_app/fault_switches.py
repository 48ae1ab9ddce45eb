"""The fault switches as all processes of the service share them: a Redis hash, watched by each."""

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from target_app.errors import DependencyDown
from target_app.faults import FAULTS, FAULTS_KEY, KINDS, REFRESH_S
from target_app.measured import measured
from target_app.metrics import FAULT_GRADE
from target_app.rounds import Rounds

if TYPE_CHECKING:
    from redis.asyncio import Redis

_LOG = logging.getLogger(__name__)


class FaultSwitches:
    """Reads the hash into `FAULTS`, and writes it. While Redis is down what was seen last holds.

    `redis` is an ordinary redis-py client (with socket timeouts), so that the switches neither
    wait for the service's own pool nor count in its metrics; they are boundary calls like any.
    """

    def __init__(self, redis: "Redis") -> None:
        self._redis: Any = redis
        self._one_at_a_time = asyncio.Lock()
        self._stale = False

    def watching(self) -> Rounds:
        """Rounds that read the switches every `REFRESH_S`."""
        FAULTS.claim_with(self._claim)
        for fault in KINDS:
            FAULT_GRADE.labels(fault).set_function(partial(FAULTS.grade, fault))
        return Rounds("fault-switches", REFRESH_S, self.refresh)

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

        Raises `DependencyDown` where Redis does not answer.
        """
        try:
            async with self._one_at_a_time:
                await self._set(fault, grade)
                await self._read()
        except (RedisError, OSError) as error:
            raise DependencyDown("Redis", f"{type(error).__name__}: {error}") from error

    @measured("redis", "set_fault")
    async def _set(self, fault: str, grade: float) -> None:
        if grade > 0:
            await self._redis.hset(FAULTS_KEY, fault, repr(grade))
        else:
            await self._redis.hdel(FAULTS_KEY, fault)

    @measured("redis", "read_faults")
    async def _read(self) -> None:
        held = await self._redis.hgetall(FAULTS_KEY)
        grades = {name.decode(): float(grade) for name, grade in held.items()}
        FAULTS.set_all({name: grade for name, grade in grades.items() if name in KINDS})

    @measured("redis", "claim_fault")
    async def _claim(self, fault: str) -> bool:
        """Switch `fault` off; True for the one caller in all processes who did."""
        return bool(await self._redis.hdel(FAULTS_KEY, fault))
