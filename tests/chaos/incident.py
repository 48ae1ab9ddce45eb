"""An incident: what befalls a rehearsal beside a blow to one of its processes."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tests.chaos.perform import Lane, Result, conclude, ended, last_words
from tests.chaos.rehearsal import REHEARSE, NeverCameError, Place, Rehearsal
from tests.chaos.right import ENDS_WITHIN_S, PASS, Outcome, Wrong, may_be_chance, structural

AT_S: Final = 0.5
"""When it happens, after T-0."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One of them; `befall` is handed where to rehearse and the result to fill in."""

    name: str
    befall: Callable[[Lane, Result], None]


def befall(incident: Incident, lane: Lane) -> Result:
    """Have an incident befall a rehearsal."""
    result = Result(incident.name)
    try:
        incident.befall(lane, result)
    except NeverCameError as error:
        result.wrongs.append(Wrong(str(error), by_chance=True))
    return result


@contextmanager
def under_way(
    place: Place, settings: Sequence[str] = (), command: Sequence[str] = REHEARSE
) -> Iterator[Rehearsal]:
    """Start a rehearsal; nothing of it is left outside.

    What it prints is kept beside its folder, which may be what something happens to.
    """
    output = place.out.with_name(f"{place.out.name}.txt")
    output.unlink(missing_ok=True)
    options = ["--no-prometheus"]
    rehearsal = Rehearsal.start(place, output, settings, options, command=command)
    try:
        yield rehearsal
    except NeverCameError as error:
        raise NeverCameError(f"{error}: {last_words(rehearsal)}") from error
    finally:
        rehearsal.wipe()


def judged(result: Result, outcome: Outcome, words: tuple[str, ...], pattern: str = "") -> None:
    """Conclude a rehearsal that has to end with a verdict of `words`, said in words."""
    found = structural(outcome)
    verdict = outcome.verdict
    if verdict is None:
        found.append(Wrong(f"there is no verdict: {' '.join(outcome.output.split()[-40:])}"))
    else:
        word, said = verdict["verdict"], " ".join(verdict["reasons"])
        if word not in words:
            chance = may_be_chance(verdict, words)
            found.append(Wrong(f"{word} instead of {' or '.join(words)}: {said[:200]}", chance))
        if pattern and not re.search(pattern, said):
            found.append(Wrong(f"{word}, and no reason says {pattern}: {said[:200]}"))
    conclude(result, outcome, found)


def healthy() -> Incident:
    """Return a rehearsal to which nothing is done: what a lane ends with."""
    return Incident("nothing at all, after everything", _nothing)


def _nothing(lane: Lane, result: Result) -> None:
    with under_way(lane.place(result.name)) as rehearsal:
        rehearsal.await_offset(AT_S)
        judged(result, ended(rehearsal, rehearsal.await_end(ENDS_WITHIN_S)), (PASS,))
