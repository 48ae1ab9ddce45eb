"""What the page says about a run's surroundings is in words, with units."""

import dataclasses

from dress_rehearsal.records.timeline import TimelineEvent
from dress_rehearsal.reports.page.facts import (
    timeline_rows,
    unheard_errors,
)


def details(evidence, **detail):
    """Return the words of a timeline's line with such a detail."""
    event = TimelineEvent(t_ns=evidence.t0_ns, kind="phase", name="some_phase", detail=detail)
    ((_, _, _, words),) = timeline_rows(dataclasses.replace(evidence, events=[event]))
    return words


def test_a_detail_of_the_timeline_is_words_with_units_and_no_json(evidence_of):
    evidence = evidence_of(students=200, tickets=60)
    said = details(evidence, statuses=[200, 404], clock_ahead_s=[-0.25, 0.75])
    assert said == "statuses: 200, 404, clock ahead: -0.25 s to 0.75 s"
    assert details(evidence, after_ms=1135.251) == "after: 1,135.3 ms"
    assert details(evidence, tickets=1800, planned=True) == "tickets: 1,800, planned: yes"


def test_waiting_for_the_stores_is_not_called_the_settle_time(evidence_of):
    evidence = evidence_of(students=200, tickets=60)
    settled = TimelineEvent(evidence.t0_ns, "phase", "settled", {"after_ms": 16.562})
    ledger = TimelineEvent(evidence.t0_ns, "ledger", "redis", {"tickets": 4, "settle_ms": 16.562})
    rows = timeline_rows(dataclasses.replace(evidence, events=[settled, ledger]))
    assert [words for *_, words in rows] == [
        "waited until the stores agreed: 16.6 ms",
        "tickets: 4, waited until the stores agreed: 16.6 ms",
    ]


def test_an_alert_of_errors_that_no_student_got_is_explained(evidence_of):
    evidence = evidence_of(students=200, tickets=60)
    said = {"on": True, "message": "62.13% of requests are answered with a server error"}
    over = {"on": False, "message": "over: 62.13% of requests are answered with a server error"}
    events = [
        TimelineEvent(evidence.t0_ns + n, "alert", "ErrorRateHigh", detail)
        for n, detail in enumerate((said, over))
    ]
    alarmed = dataclasses.replace(evidence, events=events)
    assert "No student got such an answer" in unheard_errors(alarmed)
    last = timeline_rows(alarmed)[-1][-1]
    assert last == "ended (was: 62.13% of requests are answered with a server error)"
    requests = evidence.requests.copy()
    requests["status"] = requests["status"].mask(requests.index == requests.index[0], 503)
    assert unheard_errors(dataclasses.replace(alarmed, requests=requests)) == ""
    assert unheard_errors(evidence) == ""


def test_a_detail_that_is_empty_or_zero_in_a_table_of_counts_is_not_told(evidence_of):
    evidence = evidence_of(students=200, tickets=60)
    assert details(evidence, unclean=[]) == ""
    assert details(evidence, values={"users": 12, "users_hung": 0}) == "values: users 12"
    assert details(evidence, clock_ahead_s=None) == "clock ahead: not known"
