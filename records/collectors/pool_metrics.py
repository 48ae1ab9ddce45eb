"""The metrics of somebody else's app: asked for once a second as a rule, and read for its pools.

A redirect is not followed, the answer is bounded in time and size, and what is shown there as
bearer token is shown to nobody else and written nowhere.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from dress_rehearsal.plans import PlanError
from dress_rehearsal.plans.secrets import resolved
from dress_rehearsal.plans.sections.metrics import Metrics, PoolNames
from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.records.collectors.counters import STARTED, Counters
from dress_rehearsal.records.collectors.exposition import read_exposition
from dress_rehearsal.records.collectors.pool_series import FOUND, PoolSeries
from dress_rehearsal.records.http import MIB, Answer, Connection, NoAnswerError
from dress_rehearsal.records.http.reach import Reach, UnreachableError, reach_of
from dress_rehearsal.records.pool_presets import read_preset
from dress_rehearsal.records.samples import Reading, Series, SourceUnreadableError, labels_json

UP: Final = "pool_metrics_up"
"""Whether an entry's address gave its text; the label `why` says why not."""
PROCESS: Final = "pool_metrics_process"
"""When the process began that gave it (Unix seconds), where it tells: another value is another."""
LEVELS: Final = "pool_metrics_levels"
"""How many series of levels (connections in use, say) there were; one more or less is of a process
that came or went."""
RESTARTS: Final = "pool_metrics_restarts"
"""In how many looks so far counters had fallen, of a process that does not say it is another."""
_LONGEST_WHY: Final = 200
_TIMEOUT_S: Final = 2.0
_LIMIT_BYTES: Final = 8 * MIB
_ACCEPT: Final = (
    "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=1.0,*/*;q=0.1"
)


class PoolMetrics:
    """One instance of an entry of `[[metrics]]`, over a connection that is kept.

    Args:
        position: which of the entry's addresses.
    """

    def __init__(self, metrics: Metrics, position: int) -> None:
        self.name = metrics.source(position)
        self.every_s: Final = metrics.interval
        """How often it is asked, in seconds."""
        self._entry = metrics
        self._url = metrics.addresses[position]
        several = len(metrics.addresses) > 1
        self._replica = {"replica": str(position + 1)} if several else {}
        self._pools = PoolSeries(metrics.name, families(metrics))
        self._counters = Counters(self._pools.counters)
        self._connection: Connection | None = None
        self._known: frozenset[str] = frozenset()
        self._near: dict[str, str] = {}

    def read(self) -> Reading:
        """Return what its pools are now.

        Raises:
            SourceUnreadableError: no answer in time, or not a 200 with a text of metrics.
        """
        try:
            text = self.text()
            return Reading.of(time.time_ns(), self._series(text))
        except (NoAnswerError, ValueError, PlanError, OSError) as error:
            self.close()
            why = visible_line(str(error).rstrip("."))[:_LONGEST_WHY]
            down = {Series(self.name, UP, labels_json(metrics=self.name, why=why)): 0.0}
            raise SourceUnreadableError(
                f"{self.name} gave no metrics{self._where()}: {why}.",
                Reading.of(time.time_ns(), down),
            ) from error

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def text(self) -> str:
        """Return what its address gives now.

        Raises:
            NoAnswerError, ValueError, PlanError, OSError: it gives none.
        """
        answer = self._answer()
        if answer.status != 200:
            raise ValueError(_status_words(answer.status))
        return answer.body.decode(errors="replace")

    def _where(self) -> str:
        """Return where it was asked, without path and query: they may hold a secret."""
        parts = urlsplit(self._url)
        return f" at {parts.hostname}" + (f":{parts.port}" if parts.port else "")

    def _answer(self) -> Answer:
        if self._connection is None:
            self._connection = Connection(self._url, reach=_reach(self._entry.ca_file))
        headers = {"Accept": _ACCEPT}
        if self._entry.bearer_env is not None:
            headers["Authorization"] = f"Bearer {resolved(f'env:{self._entry.bearer_env}')}"
        return self._connection.ask(
            "GET",
            self._connection.path,
            deadline_s=_TIMEOUT_S,
            limit_bytes=_LIMIT_BYTES,
            headers=headers,
        )

    def _series(self, text: str) -> dict[Series, float]:
        """Return the samples of a text.

        Raises:
            ValueError: it holds no metric at all.
        """
        seen: set[str] = set()
        samples = list(read_exposition(text, {*self._pools.wanted, STARTED}, seen))
        if text.strip() and (not seen or text.lstrip().startswith("<")):
            raise ValueError("what answers there is no text of metrics")
        started = {each.value for each in samples if each.name == STARTED}
        samples = self._counters.read(samples, time.time())
        levels = sum(each.name in self._pools.levels for each in samples)
        changed = frozenset(seen) != self._known
        values, found_now = self._pools.read(samples, seen if changed else ())
        if changed:
            self._near = {each.of: each.near for each in found_now}
            self._known = frozenset(seen)
        # What is near is looked for only where there are other names than before.
        told = [
            each if each.series else each._replace(near=self._near.get(each.of, ""))
            for each in found_now
        ]
        found = {
            Series(
                self.name, FOUND, labels_json(metrics=self.name, of=each.of, near=each.near)
            ): float(each.series)
            for each in told
        }
        return {
            **self._about(started, levels),
            **found,
            **{
                Series(
                    self.name, each.name, labels_json(**each.labels, **self._replica)
                ): each.value
                for each in values
            },
        }

    def _about(self, started: set[float], levels: int) -> dict[Series, float]:
        """Return the samples about the text itself."""
        told = {UP: 1.0, LEVELS: float(levels), RESTARTS: float(self._counters.restarts)}
        if len(started) == 1:
            told[PROCESS] = started.pop()
        labels = labels_json(metrics=self.name)
        return {Series(self.name, name, labels): value for name, value in told.items()}


def families(metrics: Metrics) -> Mapping[str, tuple[PoolNames, ...]]:
    """Return the tables of names of an entry: by its presets' names, or "" for its own map."""
    if isinstance(metrics.pools, PoolNames):
        return {"": (metrics.pools,)}
    return {name: read_preset(name).pools for name in metrics.presets}


def pool_metrics(entries: tuple[Metrics, ...]) -> Iterator[PoolMetrics]:
    """Yield a source for every instance of every entry."""
    for entry in entries:
        for position in range(len(entry.addresses)):
            yield PoolMetrics(entry, position)


def _reach(ca_file: str | None) -> Reach:
    """Return how an address is reached: never through the target's proxy.

    Raises:
        ValueError: the file holds no certificates.
    """
    try:
        return reach_of(ca_file, None)
    except UnreachableError as error:
        raise ValueError(str(error).replace("target.ca_file", "its ca_file")) from error


def _status_words(status: int) -> str:
    if 300 <= status < 400:
        return f"it answered {status}, and redirects are not followed: give the address it leads to"
    if status in (401, 403):
        return f"it answered {status}: name the variable with its token as bearer_env"
    return f"it answered {status}"
