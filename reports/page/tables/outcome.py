"""What came of it: where the students ended, who was wronged, which limits held."""

from collections.abc import Mapping, Sequence
from typing import Final

from dress_rehearsal.plans.names import ENDS, WRONGS
from dress_rehearsal.reports.directions import unit_of
from dress_rehearsal.reports.metrics import bucket_of, gate_words
from dress_rehearsal.reports.page.tables.margin import margin_cell
from dress_rehearsal.reports.page.tables.table import (
    Cell,
    Table,
    bad_count,
    row,
    share_of,
    state_cell,
)
from dress_rehearsal.reports.part import Fairness
from dress_rehearsal.reports.schema import (
    Audit,
    Census,
    GateResult,
    Measured,
    Regression,
)
from dress_rehearsal.reports.words import (
    EMPTY,
    NOT_MEASURED,
    bound_words,
    bucket_words,
    cell,
    milliseconds,
    quantity,
    seconds,
    written,
)

_BAD_ENDS: Final = {"failed", "unknown", "never_started", "in_flight"}


def census_table(census: Census) -> Table:
    """Return where every student's story ended, and that the sum is all of them."""
    numbers = {word: int(getattr(census, word)) for word in ENDS}
    rows = [
        row(
            title,
            bad_count(numbers[word]) if word in _BAD_ENDS else written(numbers[word]),
            share_of(numbers[word], census.students),
            meaning,
        )
        for word, (title, meaning) in ENDS.items()
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


def audit_table(audit: Audit, not_applicable: Mapping[str, str], *, settles: bool = True) -> Table:
    """Return every counter of the audit that applies; each should be zero.

    Args:
        not_applicable: why counters do not apply to this run, by their names.
        settles: whether rows are written after their promise, so that it is known for how long.
    """
    rows = []
    for word, (title, meaning) in WRONGS.items():
        if word not in not_applicable:
            value: int | None = getattr(audit, word)
            rows.append(row(title, cell(value), f"{meaning} (audit.{word})", state_cell(value)))
    if settles or audit.settle_ms is not None:
        meaning = (
            "from the last time that a student was told of a ticket until every row was written, "
            "by the rows' own times; a duration, not a wrong"
        )
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
        for word, (title, meaning) in WRONGS.items()
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
            f"students overtaken by more than the {seconds(fairness.within_s)} of the plan. A "
            f"place in line is known of whoever got a ticket or was told that all are sold, and "
            f"had an answer to each try to buy",
        ),
        (
            "Overtaken",
            written(fairness.overtaken),
            f"students who clicked before somebody served ahead of them, by more than "
            f"{seconds(fairness.uncertainty_s)}: closer clicks cannot be told apart. They count "
            f"from when they were sent, not meant, so that a late generator accuses nobody",
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
            NOT_MEASURED if advantage is None else _points(advantage),
            "share of multi-device students with a ticket minus the share of eager students, who "
            "used one device",
        ),
    )
    if fairness.overtaken is None and advantage is None:
        return None
    rows = [row(*measure) for measure in measures]
    columns = (("Measure", "text"), ("Value", "number"), ("It means …", "meaning"))
    return Table("fairness", "Was first come first served?", columns, rows)


def _points(difference: float) -> str:
    """Return by how much two shares differ, which is no share of anything."""
    return f"{100 * difference:.3g} percentage points"


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
        words = quantity(own.baseline, unit_of(own.metric))
        if own.baseline is not None and bucket_of(measured, own.metric):
            words = f"about {words}"
        return [bound_words(words, at_least=own.baseline_at_least)] if compared else []

    def now(own: Regression) -> str:
        if own.value is not None and (bucket := bucket_of(measured, own.metric)):
            return bucket_words(*bucket)
        words = quantity(own.value, unit_of(own.metric))
        return bound_words(words, at_least=own.given_up is not None)

    rows = [
        row(
            gate.name,
            Cell(gate.status, tones[gate.status]),
            gate.limit,
            gate_words(gate, measured),
            margin_cell(gate, measured),
            *before(gate),
        )
        for gate in gates
    ]
    rows += [
        row(
            own.name,
            Cell("left to a comparison", "open"),
            f"{own.margins} worse than before",
            now(own),
            EMPTY,
            *before(own),
        )
        for own in regressions
    ]
    columns = (
        ("Metric", "text"),
        ("Result", "text"),
        ("Limit", "number"),
        ("Measured", "number"),
        ("Margin", "number"),
        *([("Baseline", "number")] if compared else []),
    )
    return Table("gates", "Correctness first, then the plan's own limits", columns, rows)
