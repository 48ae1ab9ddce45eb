"""Double entry: how often the gate let somebody in on a ticket that had been used already."""

from dress_rehearsal.records.tables import SCAN
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.stores import GATE
from dress_rehearsal.reports.numbers import integers
from dress_rehearsal.reports.words import counted


def double_entries(evidence: Evidence) -> tuple[int, str] | None:
    """Count admissions beyond one a ticket, None when nobody went to the gate.

    Two witnesses: the gate's own table (rows beyond one a ticket) and what scanners were told
    (`ok` beyond one for the same student's ticket). Whichever saw more is believed: a table with
    a key cannot hold what the scanners let through, and a scanner's answer may have been lost.
    """
    source = evidence.ledger["source"].astype("object")
    tickets = evidence.ledger.loc[source == GATE, "ticket"].astype("object")
    scans = evidence.requests[(evidence.requests["step"] == SCAN).astype(bool)]
    if tickets.empty and scans.empty:
        return None
    welcomed = integers(scans.loc[(scans["outcome"] == "ok").to_numpy(dtype=bool), "student"])
    by_rows = len(tickets) - tickets.nunique()
    by_word = len(welcomed) - len(set(welcomed.tolist()))
    twice = max(by_rows, by_word)
    return twice, (
        f"Double entry: the gate let {counted(twice, 'person', 'people')} in on a ticket that had "
        f"been used already."
    )


def gate_problems(evidence: Evidence) -> list[str]:
    """Return sentences on why the gate's own table could not be read, if it should have been."""
    return [
        f"The gate's admissions could not be audited: {event.detail['error']}"
        for event in evidence.events
        if event.kind == "ledger" and event.name == GATE and "error" in event.detail
    ]
