"""Which seconds the verdict rests on: what was not heard in them is asked about."""

import pandas as pd
import pytest

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import seconds_that_matter

T0_NS = 1_000 * NS_PER_S


def bought(*rows):
    """Return requests to buy, from (sent, answered) in seconds after T-0; None: never."""
    frame = pd.DataFrame(
        {
            "sent_ns": [
                None if sent is None else T0_NS + round(sent * NS_PER_S) for sent, _ in rows
            ],
            "done_ns": [
                None if done is None else T0_NS + round(done * NS_PER_S) for _, done in rows
            ],
            "status": [0 if done is None else 201 for _, done in rows],
        },
        dtype="Int64",
    )
    return frame.assign(read_ns=frame["done_ns"])


def span_s(*rows, finished_s=None):
    """Return the span in seconds after T-0."""
    performed_ns = None if finished_s is None else T0_NS + round(finished_s * NS_PER_S)
    span = seconds_that_matter(T0_NS, bought(*rows), performed_ns)
    assert span is not None
    return tuple((edge - T0_NS) / NS_PER_S for edge in span)


@pytest.mark.parametrize(
    ("rows", "finished_s", "until_s"),
    [
        pytest.param([(0.1, 2.5), (0.2, 4.5)], 9, 4.5, id="the last answer"),
        pytest.param([(0.1, 2.5), (6.0, None)], 9, 6.0, id="sent later, never answered"),
        pytest.param([(0.1, 0.2)], 9, 1.0, id="a second at least"),
        pytest.param([(0.1, None)], None, 10.0, id="nobody answered"),
        pytest.param([(0.1, None)], 4, 4.0, id="nobody answered, and the students were done"),
        pytest.param([(0.1, None)], 60, 10.0, id="nobody answered, and they waited long"),
        pytest.param([(12.0, None)], 4, 12.0, id="nobody answered, sent after all were done"),
        pytest.param([], -3, 1.0, id="nobody came to buy, and all were done before T-0"),
        pytest.param([(None, 3.0)], None, 3.0, id="when it was sent is not known"),
    ],
)
def test_the_seconds_that_matter_end_with_the_last_of_buying(rows, finished_s, until_s):
    assert span_s(*rows, finished_s=finished_s) == (-1.0, until_s)


def test_an_answer_whose_end_is_not_known_counts_until_it_was_read():
    purchases = bought((0.1, 5.0)).assign(done_ns=pd.NA)
    assert seconds_that_matter(T0_NS, purchases) == (T0_NS - NS_PER_S, T0_NS + 5 * NS_PER_S)


def test_without_a_t0_no_second_matters_more_than_another():
    assert seconds_that_matter(None, bought((0.1, 0.2))) is None
