"""What came of it: where the students ended, who was wronged, which limits held."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from dress_rehearsal.reports.directions import unit_of
from dress_rehearsal.reports.metrics import gate_words
from dress_rehearsal.reports.page.tables.table import (
    Cell,
    Table,
    bad_count,
    row,
    share_of,
    state_cell,
)
from dress_rehearsal.reports.schema import (
    Audit,
    Census,
    Fairness,
    GateResult,
    Measured,
    Regression,
)
from dress_rehearsal.reports.words import (
    NOT_MEASURED,
    cell,
    milliseconds,
    percent,
    quantity,
    seconds,
    written,
)

_CENSUS_WORDS: Final = {
    "ticket": ("Ticket", "hold a ticket, by the target's own word"),
    "sold_out": ("Sold out", "were told that no ticket is left"),
    "refused": ("Refused", "may not buy, and were told so"),
    "gave_up": ("Gave up", "lost patience or ran out of attempts"),
    "failed": ("Failed", "ended with an error and did not try again"),
    "unknown": ("Unknown", "never learnt the outcome; may or may not hold a ticket"),
    "never_started": ("Never started", "did not act at all, or left no record"),
    "in_flight": ("In flight", "were still under way when the run ended"),
}


_BAD_ENDS: Final = {"failed", "unknown", "never_started", "in_flight"}


def census_table(census: Census) -> Table:
    """Return where every student's story ended, and that the sum is all of them."""
    numbers = {word: int(getattr(census, word)) for word in _CENSUS_WORDS}
    rows = [
        row(
            title,
            bad_count(numbers[word]) if word in _BAD_ENDS else written(numbers[word]),
            share_of(numbers[word], census.students),
            meaning,
        )
        for word, (title, meaning) in _CENSUS_WORDS.items()
    ]
    total = sum(numbers.values())
    fits = total == census.students
    sums = "adds up to every student" if fits else "does not add up"
    said = Cell(f"{sums}: the plan has {written(census.students)}", "" if fits else "found")
    foot = row("Students", written(total), share_of(total, census.students), said)
    columns = (
        ("Outcome", "text"),
        ("Students", "number"),
        ("Share", "number"),
        ("They …", "meaning"),
    )
    return Table("census", "Where every student's story ended", columns, rows, foot)


_AUDIT_WORDS: Final = {
    "oversold": ("Oversold", "tickets granted beyond the last one there was"),
    "duplicate_students": ("Duplicates", "tickets beyond the one a student may have"),
    "wrong_owner": ("Wrong owner", "tickets that are somebody else's than who was told of them"),
    "acked_but_missing": ("Lost tickets", "students told of a ticket that no row bears out"),
    "held_without_ack": ("Unannounced tickets", "tickets in the database nobody was told of"),
    "ineligible": ("Ineligible holders", "tickets of people who may not buy"),
    "sold_early": ("Sold early", "tickets granted before T-0"),
    "early_admissions": ("Let in early", "students let in before T-0"),
    "false_sold_out": ("False sold out", "students sent away though tickets were left"),
    "false_too_early": ("Told too early", "students told so who clicked after T-0"),
    "false_not_enrolled": ("Told not enrolled", "students of the roster told not to be on it"),
    "false_already_holds": ("Told to hold one", "students told so who cannot have had one"),
    "false_not_admitted": ("Not let in", "students told that it was their turn, then that not"),
    "lost_places": ("Lost places", "students who had joined the queue and were not in it"),
    "lost_sessions": ("Lost sessions", "students who had logged in and were told to log in"),
    "refused_logins": ("Refused logins", "students refused with the roster's number and PIN"),
    "false_issued": ("Issued too soon", "students told so before their ticket's row was there"),
    "wrong_code": ("Wrong QR codes", "holders given another's code, or one that another got too"),
    "false_number": ("Wrong numbers", "holders shown a number that is not their ticket's"),
    "false_place": ("Wrong places", "students told a place in the queue that was not theirs"),
    "false_countdown": ("Wrong countdown", "students told another time until T-0 than there was"),
    "false_state": ("Wrong state", "students told not open, open or sold out when it was not so"),
    "false_remaining": ("Wrong number left", "students told of more tickets left, or of fewer"),
    "replays_refused": ("Repeats refused", "students not given their ticket on clicking again"),
    "false_rejections": ("Rejections", "students whose well-formed request was called malformed"),
    "denied_tickets": ("Denied tickets", "holders whose ticket or QR code never opened"),
    "refused_entry": ("Refused entry", "holders sent away at the entrance with a good code"),
    "store_drift": ("Store drift", "tickets that two stores disagree about"),
    "stuck_students": ("Stuck", "students promised a ticket that was never issued"),
    "double_entry": ("Double entry", "people let in on a ticket that had been used already"),
    "lost_entries": ("Entries lost", "students let in whose entry was never written"),
    "lost_views": ("Lost views", "page views by which the event's counter is off"),
}


def audit_table(audit: Audit, not_applicable: Mapping[str, str], *, settles: bool = True) -> Table:
    """Return every counter of the audit that applies; each should be zero.

    Args:
        not_applicable: why counters do not apply to this run, by their names.
        settles: whether rows are written after their promise, so that it is known for how long.
    """
    rows = []
    for word, (title, meaning) in _AUDIT_WORDS.items():
        if word not in not_applicable:
            value: int | None = getattr(audit, word)
            rows.append(row(title, cell(value), meaning, state_cell(value)))
    if settles or audit.settle_ms is not None:
        meaning = "from the last promise until every row was written; a duration, not a wrong"
        rows.append(row("Settle time", milliseconds(audit.settle_ms), meaning, ""))
    columns = (
        ("Wrong", "text"),
        ("Found", "number"),
        ("It counts …", "meaning"),
        ("State", "text"),
    )
    return Table("audit", "Was anyone wronged?", columns, rows)


def not_applicable_table(not_applicable: Mapping[str, str]) -> Table | None:
    """Return the counters that do not apply to this run, and why; None where all of them do."""
    rows = [
        row(title, meaning, not_applicable[word])
        for word, (title, meaning) in _AUDIT_WORDS.items()
        if word in not_applicable
    ]
    columns = (("Wrong", "text"), ("It counts …", "text"), ("It does not apply:", "text"))
    return Table("not-applicable", "What does not apply", columns, rows) if rows else None


def fairness_table(fairness: Fairness) -> Table | None:
    """Return whether first come was first served; None when none of it was measured."""
    advantage = fairness.multi_device_advantage
    measures = (
        (
            "Wronged",
            written(fairness.inversions),
            f"students overtaken by more than the {seconds(fairness.within_s)} of the plan",
        ),
        (
            "Overtaken",
            written(fairness.overtaken),
            f"students who clicked before somebody served ahead of them, by more than the "
            f"{seconds(fairness.uncertainty_s)} that nobody can know",
        ),
        (
            "… by at most",
            seconds(fairness.overtaken_max_s),
            "how much later somebody clicked who was served before them",
        ),
        ("… by, p99", seconds(fairness.overtaken_p99_s), "99% of them were overtaken by no more"),
        (
            "Kendall's tau",
            written(fairness.kendall_tau),
            "the order of clicks against that of tickets: 1 is the same, −1 reversed",
        ),
        (
            "Several devices",
            NOT_MEASURED if advantage is None else percent(advantage),
            "the share of those with several devices who got a ticket, less that of the others",
        ),
    )
    if fairness.overtaken is None and advantage is None:
        return None
    rows = [row(*measure) for measure in measures]
    columns = (("Measure", "text"), ("Value", "number"), ("It means …", "meaning"))
    return Table("fairness", "Was first come first served?", columns, rows)


def gates_table(
    gates: Sequence[GateResult], measured: Measured, regressions: Sequence[Regression] = ()
) -> Table:
    """Return each limit and the number held against it: correctness first, then the plan's own.

    Args:
        measured: where the numbers are from.
        regressions: what no run alone decides; it stands last.
    """
    tones = {"pass": "ok", "fail": "found", "inconclusive": "open"}
    owners: tuple[GateResult | Regression, ...] = (*gates, *regressions)
    compared = any(each.baseline is not None for each in owners)

    def before(own: GateResult | Regression) -> list[str]:
        words = partial(quantity, unit=unit_of(own.metric))
        return [words(own.baseline)] if compared else []

    rows = [
        row(
            gate.name,
            Cell(gate.status, tones[gate.status]),
            gate.limit,
            gate_words(gate, measured),
            *before(gate),
        )
        for gate in gates
    ]
    rows += [
        row(
            own.name,
            Cell("left to a comparison", "open"),
            f"{own.margins} worse than before",
            quantity(own.value, unit_of(own.metric)),
            *before(own),
        )
        for own in regressions
    ]
    columns = (
        ("Metric", "text"),
        ("Result", "text"),
        ("Limit", "number"),
        ("Measured", "number"),
        *([("Baseline", "number")] if compared else []),
    )
    return Table("gates", "Correctness first, then the plan's own limits", columns, rows)
