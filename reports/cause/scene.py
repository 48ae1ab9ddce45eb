"""The scene: a part that requests lost most to, when that was, and what else was going on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from dress_rehearsal.reports.cause.load import Load
from dress_rehearsal.reports.cause.slowest import Slowest
from dress_rehearsal.reports.cause.stops import Stop
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.pools import PoolFinding


class Found(NamedTuple):
    """A resource, and words for what was to be seen of it.

    Attributes:
        explains: how much of the loss it is likely to explain, 0 to 1.
    """

    resource: str
    seen: str
    explains: float = 1.0


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is asked about a part: when it dominated (Unix ns), and what else was going on."""

    evidence: Evidence
    load: Load
    slow: Slowest
    part: str
    stop: Stop | None
    pools: Mapping[str, PoolFinding]
    from_ns: int
    until_ns: int
