"""What requests' time is counted as, beside what their answers call the same milliseconds.

The parts of a band count each wait to what made it long (`reports.cause.decomposition`); `said` has
it as `Server-Timing` names it. Both add up to what was felt, so what one has more of a part the
other has more of others: it was moved.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from dress_rehearsal.records.tables import CLIENT_POOLS
from dress_rehearsal.reports.part import Band
from dress_rehearsal.reports.words import bound_words, milliseconds, resource_words

_LEAST_MS: Final = 0.05
"""Less is not told: it would be 0 ms."""
_WORTH_MS: Final = 1.0
"""Where nothing more was moved, nothing is said of it."""
_MOST: Final = 0.5
"""So much of a part has to be waits for one pool to be named with it."""


WHY_MOVED: Final = (
    "What is awaited in an event loop that runs late is long because of that loop, and connections "
    "are given back late because of what kept their holders."
)
"""Why parts are not as answers say them."""


class Within(NamedTuple):
    """How much of a part was a wait for a pool, as answers say it; `exact`, or else at least."""

    pool: str
    ms: float
    exact: bool

    @property
    def shown(self) -> str:
        """How long it was."""
        return bound_words(milliseconds(round(self.ms, 1)), at_least=not self.exact)

    @property
    def words(self) -> str:
        """What is said of it behind the part's own share."""
        return f"{self.shown} of it while waiting for {resource_words(self.pool)}"


def moved(parts: Mapping[str, float], said: Mapping[str, float]) -> dict[str, float]:
    """Return how much more time is counted as each part than answers say, in ms; less is negative.

    They add up to about nothing. Empty where no answer said anything.
    """
    if not said:
        return {}
    names = dict.fromkeys([*said, *parts])
    more = {name: parts.get(name, 0.0) - said.get(name, 0.0) for name in names}
    return {name: ms for name, ms in more.items() if abs(ms) >= _LEAST_MS}


def moved_words(band: Band) -> str:
    """Return what time answers call otherwise than it is counted as, with the means; empty where
    there is none."""
    more = moved(band.parts, band.said)
    gained = {name: ms for name, ms in more.items() if ms > 0}
    lost = {name: -ms for name, ms in more.items() if ms < 0}
    if sum(gained.values()) < _WORTH_MS:
        return ""
    which = "all" if band.band == "all" else f"the {band.band}"
    return (
        f"On average over {which} of {band.step}, the app reports {_listed(lost, _reported)}. Here "
        f"this is counted as {_listed(gained, _counted)}."
    )


def within(parts: Mapping[str, float], said: Mapping[str, float]) -> Within | None:
    """Return for which pool requests waited during most of the largest part, by their answers.

    None where that was no pool, or the part is that pool's own.
    """
    more = moved(parts, said)
    waits = {name: -ms for name, ms in more.items() if ms < 0 and name in CLIENT_POOLS}
    if not waits or not parts:
        return None
    part, pool = max(parts, key=lambda name: parts[name]), max(waits, key=lambda name: waits[name])
    elsewhere = sum(ms for name, ms in more.items() if ms > 0 and name != part)
    own = waits[pool] - elsewhere
    return Within(pool, own, exact=elsewhere == 0) if own >= _MOST * parts[part] else None


def _reported(part: str, ms: str) -> str:
    waiting = "waiting for " if part in CLIENT_POOLS else ""
    return f"{ms} as {waiting}{resource_words(part)}"


def _counted(part: str, ms: str) -> str:
    return f"{resource_words(part)} ({ms})"


def _listed(parts: Mapping[str, float], words: Callable[[str, str], str]) -> str:
    ordered = sorted(parts, key=lambda name: -parts[name])
    said = [words(name, milliseconds(round(parts[name], 1))) for name in ordered]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
