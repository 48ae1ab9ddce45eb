"""The `[generator]` table: who plays the students, and when the measurement is not believable."""

import sys
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from dress_rehearsal.plans.hosts import is_host, is_loopback
from dress_rehearsal.plans.types import Duration, PositiveDuration, Section, Whole

if TYPE_CHECKING:
    from dress_rehearsal.plans.plan import Plan

LOCAL: Final = "127.0.0.1"
PORT: Final = 5557
"""Locust's own."""
_WORKERS_WITHIN_S: Final = 120.0
_MOST_PORTS: Final = 65_535
_MOST_DIGITS: Final = 5


def host_and_port(text: str) -> tuple[str, int]:
    """Return the host and the port that a text names; by default Locust's own.

    Raises:
        ValueError: it names none. Locust takes no address of IPv6 here, only a name of one.
    """
    host, colon, port = text.partition(":")
    port = port if colon else f"{PORT}"
    if not (is_host(host) and port.isascii() and port.isdecimal() and len(port) <= _MOST_DIGITS):
        raise ValueError(f'expected a host and a port, such as "10.0.0.5:{PORT}"')
    if not 0 < int(port) <= _MOST_PORTS:
        raise ValueError(f"expected a port from 1 to {_MOST_PORTS:,}")
    return host, int(port)


def _listening(text: str) -> str:
    host_and_port(text)
    return text


Number = Annotated[Whole, Field(ge=0, le=256)]


class Generator(Section):
    """Who plays the students, and when the measurement itself stops being believable."""

    max_late_start: Duration = 1.0
    """99th percentile of `sent - intended` above which the verdict is inconclusive."""
    timely: Duration | None = None
    """Within which of their time 99% of the purchases around T-0 have to be sent, else the verdict
    is inconclusive; a quarter of `students.click_spread`, at least 100 ms, where left out."""
    max_foreign_cpu: Annotated[float, Field(ge=0, strict=True)] = 0.3
    """Cores that other programs may take over a second around T-0 while there is no processor to
    spare; above that the verdict is inconclusive."""
    processes: Number | None = None
    """How many processes of this machine play the students; where left out one if the target shares
    the machine, else as many as there are processors but one."""
    workers: Number = 0
    """How many processes of other machines, started by `rehearse worker`, play with them."""
    workers_within: PositiveDuration | None = None
    """How long those are waited for; 2 min where left out."""
    listen: Annotated[str, AfterValidator(_listening)] | None = None
    """Where they find this one, as `host:port`; at 127.0.0.1:5557 where left out."""

    @property
    def workers_within_s(self) -> float:
        """For how many seconds workers of other machines are waited for."""
        if not self.workers:
            return 0.0
        return _WORKERS_WITHIN_S if self.workers_within is None else self.workers_within

    @property
    def listens_at(self) -> tuple[str, int]:
        """Host and port at which workers of other machines find this one."""
        return (LOCAL, PORT) if self.listen is None else host_and_port(self.listen)

    @model_validator(mode="after")
    def _somebody_plays(self) -> Self:
        if self.processes == 0 and not self.workers:
            raise ValueError("processes = 0 without workers: nobody would play")
        given = [key for key in ("workers_within", "listen") if getattr(self, key) is not None]
        if given and not self.workers:
            raise ValueError(f"{given[0]} without workers has no effect")
        return self


def processes_of(plan: "Plan", url: str, processors: int) -> int:
    """Return how many processes of this machine play the students of a plan.

    Where the target shares the machine one is the default: every further one takes from the target.

    Args:
        url: where the target answers.
        processors: how many this machine has for us.
    """
    if plan.generator.processes is not None:
        return plan.generator.processes
    if plan.target.shares_the_machine(url):
        return 1
    return max(processors - 1, 1)


def is_forked(plan: "Plan") -> bool:
    """Return whether workers of this machine, where there are some, are forked from their master.

    They are not where others join from elsewhere: the secret that these share stands in the
    environment, and those of this machine get one without it. Nor are they but on Linux: elsewhere
    a library of the system's may not outlive a fork.
    """
    return sys.platform == "linux" and not plan.generator.workers


def out_of_reach(plan: "Plan") -> str | None:
    """Return why workers of other machines could not reach the target; None where they can."""
    if is_loopback(plan.generator.listens_at[0]):
        return None  # so they are of this machine as well
    if plan.target.ours:
        return (
            "generator.listen lets workers of other machines join, which cannot reach a stage of "
            "our own: that answers on this machine only"
        )
    return None
