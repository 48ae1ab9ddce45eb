"""The app's connections in use while the rush goes on, and whether they are given back after it."""

import time
from typing import Final

from dress_rehearsal.plans import Plan
from dress_rehearsal.records.collectors.collector import Collector
from dress_rehearsal.records.tables import CLIENT_POOLS

_REST_S: Final = 1.5
"""How long connections that stay in use are watched: what a leak takes to be one, and what is
read in between (see `reports.pools.leaks`)."""
_FOREIGN_LOOKS: Final = 5
"""How many looks at somebody else's pool that is for."""
_CONNECTIONS: Final = "db_client_connections"
_LOOK_S: Final = 0.05


class ConnectionsInUse:
    """How many connections of each pool are in use, and the fewest that ever were."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._always: dict[str, float] = {}

    def note(self, collector: Collector) -> None:
        """Keep the fewest connections of each pool that were ever in use."""
        for pool, used in self._now(collector).items():
            self._always[pool] = min(used, self._always.get(pool, used))

    def await_rest(self, collector: Collector) -> None:
        """Wait for the app to give its connections back, now that nobody asks for anything.

        What it keeps for so long it will not give back: so that a leak can be told from work.
        """
        begun_s = time.monotonic()
        while any(
            used > self._always.get(pool, used) and time.monotonic() < begun_s + self._rest_s(pool)
            for pool, used in self._now(collector).items()
        ):
            time.sleep(_LOOK_S)

    def _rest_s(self, pool: str) -> float:
        """Return how long a pool is watched that keeps connections: somebody else's is asked less
        often."""
        if pool in CLIENT_POOLS:
            return _REST_S
        slowest_s = max(each.interval for each in self._plan.metrics)
        return _FOREIGN_LOOKS * max(slowest_s, self._plan.collect.interval)

    def _now(self, collector: Collector) -> dict[str, float]:
        """Return the connections that the app uses, by pool, as was said last."""
        used = {
            pool: collector.latest(_CONNECTIONS, "app", pool=pool, state="used")
            for pool in CLIENT_POOLS
        }
        return {pool: number for pool, number in used.items() if number is not None} | {
            pool: number
            for metrics in self._plan.metrics
            for pool, number in collector.by_label(_CONNECTIONS, metrics.name, "pool").items()
        }
