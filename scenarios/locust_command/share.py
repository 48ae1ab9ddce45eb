"""A worker's share of a rush that Locust's master leads: what it is told, what it sends back."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Final, Protocol, Self

import gevent

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.steps import Steps

SHARE: Final = "rehearsal_share"
"""The message that has a worker's share; it is sent before Locust begins the worker's users."""
SHARD: Final = "rehearsal_shard"
"""The message that has a file of recorded requests."""
STOP: Final = "rehearsal_stop"
"""The message that has a worker stop its students, record the rest, and send it."""
ENDED: Final = "rehearsal_ended"
"""A worker's last message: what became of its students, or why nothing did."""
CLOCK: Final = "rehearsal_clock"
"""The master's question what time it is, and a worker's answer to it."""

_SEND_S: Final = 1.0


class Message(Protocol):
    """A message of Locust's, as a listener gets it."""

    type: str
    data: Any
    node_id: str


Send = Callable[[str, dict[str, Any]], None]
"""Sends a message, by its type, to the master."""


@dataclass(frozen=True, slots=True)
class Share:
    """Which students a worker plays, of which run, and when that opens.

    Attributes:
        run: the id of the master's run; it is part of every trace id.
        plan: the resolved plan, as TOML. It names secrets and holds none.
        t0_ns: T-0, ns since the epoch, by the master's clock.
        number: this share's, from 0; every `of`-th student to arrive is of it.
    """

    run: str
    plan: str
    t0_ns: int
    number: int
    of: int

    @classmethod
    def read(cls, message: Mapping[str, Any]) -> Self:
        """Return the share that a message of the master's holds."""
        return cls(**message)

    def message(self) -> dict[str, Any]:
        """Return it as Locust sends it."""
        return asdict(self)

    @property
    def name(self) -> str:
        """The worker's name in the run directory."""
        return f"worker{self.number}"

    def of_students(self, arriving: Iterable[int]) -> Iterator[int]:
        """Return those of all students, in the order of their arrival, who are of this share."""
        return islice(arriving, self.number, None, self.of)


def ended(
    error: str | None,
    students: bytes | None = None,
    shards: Sequence[str] = (),
    steps: Steps | None = None,
    lost: Mapping[str, int] | None = None,
    troubles: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return a worker's last message.

    Args:
        error: why it could not play; None where it did.
        students: its part of the census, a Parquet file.
        shards: the names of all files of recorded requests that it has sent.
        steps: its scenario's, with those that it met on the way.
        lost: values that the target said and that could not be kept, by their names.
        troubles: what went wrong with the scenario, and how often.
    """
    met = [] if steps is None else list(zip(steps.names, steps.roles, strict=True))
    return {
        "error": error,
        "students": students,
        "shards": list(shards),
        "steps": met,
        "lost": dict(lost or {}),
        "troubles": dict(troubles or {}),
    }


class SentShards:
    """Sends what a recorder has written to the master, a file after the other.

    Args:
        run: where the recorder writes, on the worker's own disk.
        send: how messages are sent.
    """

    def __init__(self, run: RunDirectory, send: Send) -> None:
        self._run, self._send = run, send
        self._sent: set[str] = set()

    @property
    def names(self) -> list[str]:
        """What was sent."""
        return sorted(self._sent)

    def keep_sending(self) -> None:
        """Send what is new every second until killed; runs as a greenlet."""
        while True:
            gevent.sleep(_SEND_S)
            self.send_new()

    def send_new(self) -> None:
        """Send what is new. A file stands under its name once it is whole."""
        for path in sorted(self._run.requests.glob("*.parquet")):
            if path.name not in self._sent:
                self._send(SHARD, {"name": path.name, "content": path.read_bytes()})
                self._sent.add(path.name)  # not before: a send that was cut short is made again
                path.unlink()
