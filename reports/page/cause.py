"""The cause on the page: short on its first screen, and line by line where time is taken apart."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from dress_rehearsal.reports.part import Band
from dress_rehearsal.reports.schema import Bottleneck, Verdict
from dress_rehearsal.reports.words import (
    THE_APP,
    UNSURE,
    capitalized,
    offset,
    percent,
    resource_words,
)

_RESAMPLES: Final = 100
_LONG: Final = 90
"""From so many letters on, what was seen of a cause is left to whoever asks how it is known."""
_POOLS: Final = {"generator": "generator_loop"}
"""Causes that are pools of another name."""
_ALIKE: Final = 0.1
"""Means that differ by less may be of one part."""
_CAUSE: Final = "Cause of slowness: "
_ESTIMATED: Final = "the share is estimated"


class CauseLine(NamedTuple):
    """One thing that is said of the cause: what it is about, and a sentence or more."""

    about: str
    says: tuple[str, ...]


def short_cause(verdict: Verdict) -> str:
    """Return the cause as the first screen has it: without what was seen of it, if that is long."""
    if verdict.bottleneck is None:
        return verdict.cause
    _, seen = _share_and_seen(verdict.bottleneck.evidence)
    return verdict.cause.replace(f" ({seen})", "", 1) if len(seen) > _LONG else verdict.cause


def cause_lines(verdict: Verdict, whose: str = "students") -> list[CauseLine]:
    """Return the cause, its result, what was seen of it, where it shows and how certain it is;
    empty without one: then its line says all there is.

    Args:
        whose: of what the re-samples are, by which it is so certain.
    """
    found = verdict.bottleneck
    if found is None:
        return []
    share, seen = _share_and_seen(found.evidence)
    line = verdict.cause.replace(f" ({seen})", "", 1).removeprefix(_CAUSE)
    what, _, came = line.partition("; ")
    every = seen.split("; ")
    lines = [
        CauseLine("Cause", (_sentence(what), *_begins(verdict, found, what))),
        CauseLine("How much", (_sentence(share),)),
        CauseLine("Seen of it", _sentences(each for each in every if not _is_estimate(each))),
        CauseLine("Where it shows", tuple(filter(None, (_shows(verdict, found),)))),
        CauseLine(
            "How certain",
            (*_certain(verdict, found, whose), *_sentences(filter(_is_estimate, every))),
        ),
        CauseLine("Result", _sentences([came])),
    ]
    return [line for line in lines if line.says]


def how_it_fits(verdict: Verdict) -> str:
    """Return in a sentence or two how the cause goes with the other names that the page has for
    what was slow: the row in which its time stands, and the generator; empty where it has none."""
    found = verdict.bottleneck
    if found is None:
        return ""
    return " ".join(filter(None, (_shows(verdict, found), _generator_too(verdict, found))))


def _shows(verdict: Verdict, cause: Bottleneck) -> str:
    """Return what the rows of the parts call the time of a cause that is no part itself."""
    part = _row_of(verdict, cause)
    if part is None:
        return ""
    share = _share_of_slowest(verdict, cause, part)
    named = f"The figures call this time “{capitalized(resource_words(part))}”{share}"
    if cause.resource != "cpu":
        return f"{named}: requests spent it there."
    perhaps = "perhaps " if cause.certainty is not None and cause.certainty <= UNSURE else ""
    return f"{named}: requests waited there {perhaps}because no CPU was free."


def _generator_too(verdict: Verdict, cause: Bottleneck) -> str:
    """Return that the generator was late beside the cause, and how much of the time that is."""
    if not verdict.generator.limited or cause.resource == "generator":
        return ""
    share = _share_of_slowest(verdict, cause, "generator")
    return f"The generator was late too{share}, so the measurement is in doubt."


def _row_of(verdict: Verdict, cause: Bottleneck) -> str | None:
    """Return the part in which the time of a cause stands, where it has another name.

    Where requests took equally long, the tenth that was asked and that of the table need not be the
    same ones, nor their means.
    """
    slowest = _band(verdict, cause, "slowest 10%")
    lost_ms = cause.lost_ms
    if slowest is None or not slowest.parts or lost_ms is None:
        return None
    part = min(slowest.parts, key=lambda name: abs(slowest.parts[name] - lost_ms))
    named_alike = resource_words(part) == resource_words(cause.resource)
    if named_alike or abs(slowest.parts[part] - lost_ms) > _ALIKE * lost_ms:
        return None
    return part


def _share_of_slowest(verdict: Verdict, cause: Bottleneck, part: str) -> str:
    """Return which share of the slowest 1%'s time a part is, in brackets; empty where not known."""
    band = _band(verdict, cause, "slowest 1%")
    if band is None or not band.felt_ms or part not in band.parts:
        return ""
    return f" ({percent(round(band.parts[part] / band.felt_ms, 3))} of the slowest 1%'s time)"


def _band(verdict: Verdict, cause: Bottleneck, name: str) -> Band | None:
    own = (each for each in verdict.bands if each.step == cause.step and each.band == name)
    return next(own, None)


def _begins(verdict: Verdict, cause: Bottleneck, what: str) -> Iterator[str]:
    """Yield why the cause begins at another moment than the one at which its pool saturated."""
    name = _POOLS.get(cause.resource, cause.resource)
    pool = next((own for own in verdict.pools if own.name == name), None)
    if pool is None or pool.saturated_in_rush_s is None or pool.saturated_at_s is None:
        return
    first_s, in_rush_s = pool.saturated_at_s, pool.saturated_in_rush_s
    told = f"from {offset(cause.since_s)} on" in what
    if not told or first_s == in_rush_s == cause.since_s:
        return
    often = "" if first_s == in_rush_s else f", after a first time at {offset(first_s)}"
    yield (
        f"At {offset(cause.since_s)} the first requests were sent that lost most of their time to "
        f"it (in quarters of a second). The table of pools has when it was saturated: in the rush "
        f"from {offset(in_rush_s)} on{often}."
    )


def _certain(verdict: Verdict, cause: Bottleneck, whose: str) -> Iterator[str]:
    """Yield of what one is so certain, and of what one is not."""
    if cause.certainty is None:
        return
    if cause.resource != "cpu" or cause.certainty == 1:
        which = "the CPU" if cause.resource == "cpu" else "it"
        times = round(_RESAMPLES * cause.certainty)
        yield (
            f"In {times} of {_RESAMPLES} random re-samples of the {whose} {which} was the "
            f"largest part."
        )
    else:
        yield (
            f"{percent(cause.certainty)}: in how many of {_RESAMPLES} random re-samples of the "
            f"{whose} the same part was the largest, times how much of it busy CPUs are likely to "
            f"explain."
        )
    if cause.resource == "cpu" and not verdict.app_or_machine.startswith(THE_APP):
        yield "This does not say whether the app or the test used it."


def _is_estimate(words: str) -> bool:
    return words.startswith(_ESTIMATED)


def _sentences(words: "Iterator[str] | list[str]") -> tuple[str, ...]:
    return tuple(_sentence(each) for each in words if each)


def _sentence(words: str) -> str:
    return f"{capitalized(words).removesuffix('.')}."


def _share_and_seen(evidence: str) -> tuple[str, str]:
    share, _, seen = evidence.partition(": ")
    return share, seen.removesuffix(".")
