"""The strip below the verdict: the numbers that everybody asks for first."""

from collections.abc import Sequence
from dataclasses import dataclass

from dress_rehearsal.plans.names import ENDS
from dress_rehearsal.reports.cause import NO_CAUSE
from dress_rehearsal.reports.closed_load import users_begun
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import at_least, says_little, slowest_step
from dress_rehearsal.reports.evidence.purchase_step import PurchaseStep, purchase_step_of
from dress_rehearsal.reports.schema import NO_GOOD_ENDS, Census, Latency, Sale, Verdict
from dress_rehearsal.reports.words import (
    NOT_MEASURED,
    bottleneck_words,
    bound_words,
    capitalized,
    counted,
    felt,
    given_up_words,
    offset,
    percent,
    seconds,
    written,
)


@dataclass(frozen=True, slots=True)
class KeyNumber:
    """One number of the strip below the verdict."""

    label: str
    value: str
    note: str = ""


def key_numbers(evidence: Evidence, verdict: Verdict) -> Sequence[KeyNumber]:
    """Return the six numbers everybody asks for first: one of load gives way to bad ends."""
    if evidence.plan.load is not None:
        return _load_numbers(evidence, verdict)
    sale = evidence.sale
    bought = purchase_step_of(verdict)
    rate = verdict.load.busiest_second
    return (
        KeyNumber("Students", written(verdict.census.students), _requests_note(evidence, verdict)),
        KeyNumber(
            "Tickets granted",
            written(verdict.sale.granted),
            f"of {written(sale.capacity)}, {sale.witness}",
        ),
        KeyNumber(
            "Sold out after",
            *_sold_out(verdict.sale, evidence.plan.event.tickets),
        ),
        KeyNumber(
            "Purchase, p99",
            NOT_MEASURED if bought is None else _felt_p99(bought.latency),
            "felt" if bought is None else _felt_note(bought),
        ),
        _no_good_end(verdict.census)
        or KeyNumber(
            "Busiest second",
            NOT_MEASURED if rate is None else counted(rate, "request"),
            "sent within any one second",
        ),
        KeyNumber(
            "Bottleneck",
            *_bottleneck(verdict),
        ),
    )


def _no_good_end(census: Census) -> KeyNumber | None:
    """Return how many had no good end, and to which; None where nobody did."""
    ends = [(word, getattr(census, word)) for word in NO_GOOD_ENDS]
    if not census.no_good_end:
        return None
    told = ", ".join(f"{written(number)} {ENDS[word].words}" for word, number in ends if number)
    share = percent(census.no_good_end, census.students)
    return KeyNumber("No good end", written(census.no_good_end), f"{share} of the students: {told}")


def _requests_note(evidence: Evidence, verdict: Verdict) -> str:
    """Return how many requests are on record, and how many of them a student no longer needed."""
    requests = len(evidence.requests)
    needless = requests - verdict.load.requests
    said = counted(requests, "request")
    return f"{said}, {written(needless)} no longer needed" if needless else said


def _load_numbers(evidence: Evidence, verdict: Verdict) -> Sequence[KeyNumber]:
    """Return the same of a load without students."""
    load, steps = verdict.load, verdict.latency_ms
    known = {step: own for step, own in steps.items() if own.p99 is not None}
    slowest = slowest_step(known)
    rate = load.busiest_second
    return (
        KeyNumber("Locust users", written(users_begun(evidence)), "begun in all"),
        KeyNumber("Requests", written(load.requests), counted(len(known), "kind")),
        KeyNumber(
            "Failed",
            written(load.failed),
            "" if not load.requests else f"{percent(load.failed, load.requests)} of them",
        ),
        KeyNumber(
            "Slowest, p99",
            NOT_MEASURED if slowest is None else _felt_p99(known[slowest]),
            slowest or "",
        ),
        KeyNumber(
            "Busiest second",
            NOT_MEASURED if rate is None else counted(rate, "request"),
            "sent within any one second",
        ),
        KeyNumber("Bottleneck", *_bottleneck(verdict)),
    )


def _sold_out(sale: Sale, tickets: int) -> tuple[str, str]:
    """Return after how long everything was sold, and a note."""
    if sale.sold_out_after_s is not None:
        return seconds(sale.sold_out_after_s), "from T-0 to the last ticket"
    if sale.granted is None or sale.granted >= tickets > 0:
        return NOT_MEASURED, "when tickets went is not known"
    return "never", "tickets were left" if tickets else "there were no tickets"


def _bottleneck(verdict: Verdict) -> tuple[str, str]:
    """Return what the bottleneck is, and a note; the cause's own words where there is none."""
    first = verdict.bottleneck
    if first is not None:
        what = bottleneck_words(first.resource, first.certainty)
        return capitalized(what), f"from {offset(first.since_s)} on"
    if verdict.cause.startswith(NO_CAUSE):
        return "none", "nobody waited long"
    return "not named", "see the cause above"


def _felt_p99(latency: Latency) -> str:
    """Return a p99, and that it is a lower bound where it is one."""
    return bound_words(felt(latency.p99), at_least=at_least(latency, "p99"))


def _felt_note(buying: PurchaseStep) -> str:
    """Return what stands below the p99 of buying: what it is made of, and who failed."""
    bought = buying.latency
    parts = ["felt"]
    if at_least(bought, "p99"):
        parts = [given_up_words(bought.given_up / bought.count)]
    if buying.which:
        parts.insert(0, f"{buying.step}, {buying.which}")
    if says_little(bought, "p99"):
        parts.append(f"of {counted(bought.count, 'request')} only")
    if bought.system_p99 is not None:
        words = felt(bought.system_p99)
        own = bound_words(words, at_least=at_least(bought, "system_p99"))
        parts.append(f"the system's part {own}")
    if bought.failed:
        parts.append(f"of good answers alone {felt(bought.good_p99)}")
    return "; ".join(parts)
