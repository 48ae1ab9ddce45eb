"""The cause on the page: short on its first screen, and line by line where time is taken apart."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from dress_rehearsal.reports.part import Band
from dress_rehearsal.reports.schema import Bottleneck, Verdict
from dress_rehearsal.reports.words import capitalized, percent, resource_words

_LONG: Final = 90
"""From so many letters on, what was seen of a cause is left to whoever asks how it is known."""
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


def cause_lines(verdict: Verdict) -> list[CauseLine]:
    """Return the cause, what came of it, what was seen of it, where it shows and how certain it is;
    empty without one: then its line says all there is."""
    found = verdict.bottleneck
    if found is None:
        return []
    share, seen = _share_and_seen(found.evidence)
    line = verdict.cause.replace(f" ({seen})", "", 1).removeprefix(_CAUSE)
    what, _, came = line.partition("; ")
    every = seen.split("; ")
    lines = [
        CauseLine("Cause", (_sentence(what),)),
        CauseLine("How much", (_sentence(share),)),
        CauseLine("Seen of it", _sentences(each for each in every if not _is_estimate(each))),
        CauseLine("Where it shows", tuple(filter(None, (_shows(verdict, found),)))),
        CauseLine("How certain", (*_certain(found), *_sentences(filter(_is_estimate, every)))),
        CauseLine("What came of it", _sentences([came])),
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
    """Return in which row of the parts the time of a cause stands that is no part itself."""
    part = _row_of(verdict, cause)
    if part is None:
        return ""
    share = _share_of_slowest(verdict, cause, part)
    return (
        f"Its time stands in the figures and tables as “{capitalized(resource_words(part))}”"
        f"{share}, where requests spent it."
    )


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


def _certain(cause: Bottleneck) -> Iterator[str]:
    if cause.certainty is None:
        return
    often = "how often the same part is the largest when the students are drawn again 100 times"
    if cause.resource == "cpu":
        often += ", times how much of it busy CPUs are likely to explain"
    yield f"{percent(cause.certainty)}: {often}."


def _is_estimate(words: str) -> bool:
    return words.startswith(_ESTIMATED)


def _sentences(words: "Iterator[str] | list[str]") -> tuple[str, ...]:
    return tuple(_sentence(each) for each in words if each)


def _sentence(words: str) -> str:
    return f"{capitalized(words).removesuffix('.')}."


def _share_and_seen(evidence: str) -> tuple[str, str]:
    share, _, seen = evidence.partition(": ")
    return share, seen.removesuffix(".")
