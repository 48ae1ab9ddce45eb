"""The cells: every component of the stage, every blow to it, every moment of a rehearsal."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, TypeVar

Kind = Literal[
    "store", "target", "supervisor", "neighbour", "measuring", "watching", "guardian", "leading"
]
"""What a component is to the verdict.

store: who holds a ticket is read from it. target: it serves students, and is being judged.
supervisor: it serves nobody, but those who do are started and ended by it. neighbour: the target
leans on it. measuring: it is the measurement. watching: it looks on. guardian: it is needed only
where the conductor dies. leading: the conductor."""

_Drawn = TypeVar("_Drawn")


class Blow(StrEnum):
    """What is done to a process."""

    KILL = "kill -9"
    PAUSE = "SIGSTOP 3 s"
    STOP = "SIGSTOP for good"
    TERM = "SIGTERM"


class Moment(StrEnum):
    """When it is done."""

    BEFORE = "T-1 s"
    OPEN = "T+0.5 s"
    SETTLING = "settling"
    JUDGING = "judging"


@dataclass(frozen=True, slots=True)
class Component:
    """A process of a rehearsal.

    Attributes:
        name: as on the stage's record of its processes, where it is on it.
        kind: what it is to the verdict.
        words: how the product calls it in sentences, as a pattern.
        settings: what the plan needs for it to be there.
        lasts: whether it is still there while the run is judged.
    """

    name: str
    kind: Kind
    words: str
    settings: tuple[str, ...] = ()
    lasts: bool = False


COMPONENTS: Final = (
    Component("postgres", "store", r"(?i)postgres"),
    Component("redis", "store", r"(?i)redis|valkey"),
    Component("app", "supervisor", r"(?i)\bapp\b"),
    Component("worker", "target", r"(?i)\bapp\b|\bworkers?\b"),
    Component("writeback", "target", r"(?i)write-?back"),
    Component(
        "neighbours",
        "neighbour",
        r"(?i)neighbours?\b|enrolment|external",
        ('app.enrolment="external"',),
    ),
    Component("sqs", "neighbour", r"(?i)\bsqs\b|queue", ('app.allocation="sqs_writeback"',)),
    Component("kafka", "neighbour", r"(?i)\bkafka\b", ('app.allocation="kafka_writeback"',)),
    Component("guardian", "guardian", r"(?i)guardian"),
    Component("generator", "measuring", r"(?i)generator"),
    Component("prometheus", "watching", r"(?i)prometheus", lasts=True),
    Component("conductor", "leading", r"(?i)conductor|rehearsal", lasts=True),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One blow to one component at one moment."""

    component: Component
    blow: Blow
    moment: Moment

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return f"{self.component.name}, {self.blow}, {self.moment}"


def cells() -> list[Cell]:
    """Return every cell in which there is somebody to strike.

    While a run is judged its stage is cleared, so only what `lasts` can be struck then; that the
    others are gone is looked at once (`tests.chaos.incidents`).
    """
    return [
        Cell(component, blow, moment)
        for component in COMPONENTS
        for blow in Blow
        for moment in Moment
        if component.lasts or moment is not Moment.JUDGING
    ]


def drawn(table: Sequence[_Drawn], share: float, draw: str) -> list[_Drawn]:
    """Return so much of a table, at least one, in its order; the same again for the same `draw`."""
    number = max(1, round(share * len(table)))
    places = random.Random(draw).sample(range(len(table)), min(number, len(table)))
    return [table[place] for place in sorted(places)]
