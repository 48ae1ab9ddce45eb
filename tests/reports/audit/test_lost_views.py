"""Page views against the page's counter: the number is what its sentence says."""

import dataclasses
import re

import pytest

from dress_rehearsal.reports.audit.lost_views import lost_views
from tests.steps import PAGE

SMALL = {"students": 200, "tickets": 60}
S = 1_000_000_000


def counted(evidence):
    """The number, and the two figures of the sentence."""
    found = lost_views(evidence)
    assert found is not None
    number, sentence = found
    told = re.search(r"([\d,]+) page views? w.* by ([\d,]+)\.$", sentence)
    assert told is not None, sentence
    views, there = (int(figure.replace(",", "")) for figure in told.groups())
    assert number == abs(views - there) or number == 0, sentence
    return number, sentence


def ended_ns(evidence):
    return next(event.t_ns for event in evidence.events if event.name == "performed")


def with_late_pages(evidence, at_ns, number=10):
    """The same run with some pages answered at this time."""
    requests = evidence.requests.copy()
    last = requests.index[(requests["step"] == PAGE).to_numpy(dtype=bool)][-number:]
    requests.loc[last, ["done_ns", "read_ns"]] = at_ns
    return dataclasses.replace(evidence, requests=requests)


def read_until(evidence, at_ns):
    """The same run with a counter that was last read before this time."""
    return dataclasses.replace(evidence, metrics=evidence.metrics[evidence.metrics["t_ns"] < at_ns])


@pytest.mark.parametrize("lost", [4, -4])
def test_the_sentence_shows_the_number(evidence_of, lost):
    number, sentence = counted(evidence_of(**SMALL, lost_views=lost))
    assert number == 4
    assert sentence.startswith("Lost" if lost > 0 else "Invented")


def test_a_counter_read_when_all_was_over_is_exact(evidence_of):
    evidence = evidence_of(**SMALL, lost_views=4)
    over_ns = ended_ns(evidence)
    late = read_until(with_late_pages(evidence, over_ns - S // 50), over_ns + 6 * S // 10)
    assert counted(late) == (
        4,
        "Lost views: 200 page views were answered, the counter grew by 196.",
    )


def test_views_of_the_last_second_need_not_be_in_a_counter_that_was_read_too_early(evidence_of):
    evidence = evidence_of(**SMALL)
    early_ns = ended_ns(evidence) - 2 * S
    late = with_late_pages(evidence, early_ns - S // 2)
    assert counted(read_until(late, early_ns))[0] == 0
    emptied = evidence.metrics.copy()
    views = (emptied["name"] == "event_views_total") & (emptied["t_ns"] > early_ns - 2 * S)
    emptied.loc[views, "value"] -= 20
    lost = read_until(dataclasses.replace(late, metrics=emptied), early_ns)
    assert counted(lost) == (
        10,
        "Lost views: 190 page views were answered at least 1 s before the counter was last read, "
        "the counter grew by 180.",
    )
