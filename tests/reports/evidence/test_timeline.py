"""The timeline says how the run went and when each fault was on."""

import numpy as np
import pytest

from dress_rehearsal.reports.evidence import timeline as module

SMALL = {"students": 200, "tickets": 60}


@pytest.mark.parametrize(
    ("defects", "record_cut", "as_planned"),
    [
        pytest.param({}, False, True, id="carried through"),
        pytest.param({"component_lost": "redis"}, False, True, id="the target's own loss"),
        pytest.param({"component_lost": "generator"}, True, False, id="the generator's loss"),
        pytest.param({"interrupted": True}, False, False, id="Ctrl-C: short but whole"),
        pytest.param({"killed": True}, True, False, id="kill -9"),
    ],
)
def test_whether_the_rush_went_as_planned_is_read_from_the_events(
    evidence_of, defects, record_cut, as_planned
):
    timeline = evidence_of(**SMALL, **defects).timeline
    assert (timeline.record_cut, timeline.as_planned) == (record_cut, as_planned)


def test_a_fault_lasts_until_it_is_ended_and_a_momentary_one_no_time(evidence_of):
    faults = [("leak", 1.0, 2.5), ("slow_database", 2.0, None), ("worker_crash", 3.0, None)]
    timeline = evidence_of(**SMALL, faults=faults, undone_fault="redis_wipe").timeline
    assert [(span.name, span.since_s, span.until_s) for span in timeline.faults] == [
        ("leak", 1.0, 2.5),
        ("slow_database", 2.0, float("inf")),
        ("worker_crash", 3.0, 3.0),
    ]


def test_the_times_of_some_rows_are_what_they_are_among_all(healthy, monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE", 97)
    sent_ns = healthy.requests["sent_ns"].mask(healthy.requests.index % 5 == 0)
    which = np.arange(len(sent_ns)) % 7 == 3
    every_s = healthy.timeline.seconds(sent_ns)

    assert np.isnan(every_s[which]).any()
    assert np.array_equal(healthy.timeline.seconds(sent_ns, which), every_s[which], equal_nan=True)
