"""Which requests count, and when each was answered: one rule for the histograms and the report."""

import itertools

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.records.requests.latency import felt_of
from dress_rehearsal.records.tables import ABANDONED, NS_PER_MS, OUTCOMES
from dress_rehearsal.reports.evidence.latency import PARTS
from dress_rehearsal.reports.evidence.latency_table import latency_of_requests
from dress_rehearsal.scenarios.tallies.histograms import Histograms
from tests.steps import BUNDLED, STEPS, STREAM

INTENDED_NS = 10**18
PAGE = STEPS[0]


def columns(*rows):
    """Columns of (step, outcome, first byte, done), the last two in ms since intended."""
    found = {"intended_ns": np.full(len(rows), INTENDED_NS)}
    for place, (name, words) in enumerate((("step", STEPS), ("outcome", OUTCOMES))):
        codes = [words.index(row[place]) if row[place] in words else -1 for row in rows]
        found[name] = np.array(codes, np.int64)
    for place, name in ((2, "first_byte_ns"), (3, "done_ns")):
        times = [-1 if row[place] is None else INTENDED_NS + row[place] * NS_PER_MS for row in rows]
        found[name] = np.array(times, np.int64)
    return found


def felt_ms(*row, abandoned=False):
    """The latency of one request that counts, or None."""
    streams = np.array([row[0] == STREAM])
    answered_ns, counts = felt_of(columns(row), streams, np.array([abandoned]))
    return (int(answered_ns[0]) - INTENDED_NS) / NS_PER_MS if counts[0] else None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param((PAGE, "ok", 1, 2), 2, id="an answer"),
        pytest.param((PAGE, "refused", 1, 2), 2, id="sold out is one"),
        pytest.param((PAGE, "unknown", None, 900), 900, id="nobody knows, so it was waited for"),
        pytest.param((PAGE, "failed", None, 1000), 1000, id="waited in vain"),
        pytest.param((PAGE, "failed", None, 3), 3, id="a refused connection, however quick"),
        pytest.param((PAGE, "failed", 8_000, 8_001), 8_001, id="a 503 after 8 s took 8 s"),
        pytest.param((PAGE, "ok", 1, None), None, id="no end, no latency"),
        pytest.param((PAGE, "odd", 1, 2), None, id="an outcome that is none"),
        pytest.param(("GET /own", "ok", 1, 2), 2, id="a step of another app's"),
        pytest.param((STREAM, "ok", 7, 60_000), 7, id="a stream, with its first bytes"),
        pytest.param((STREAM, "unknown", None, 60_000), 60_000, id="a stream without any"),
    ],
)
def test_what_counts_and_for_how_long(row, expected):
    assert felt_ms(*row) == expected


@pytest.mark.parametrize("outcome", ["failed", "unknown"])
def test_what_nobody_wanted_any_more_does_not_count(outcome):
    assert felt_ms(PAGE, outcome, None, 9_000) == 9_000
    assert felt_ms(PAGE, outcome, None, 9_000, abandoned=True) is None


def test_the_histograms_and_the_report_take_the_same_rows():
    errors = ["overloaded", ABANDONED]
    rows = list(
        itertools.product(
            [PAGE, STREAM], OUTCOMES, [None, 5, 2000], [None, 10, 999, 1000, 3000], [-1, 0, 1]
        )
    )
    taken = columns(*rows)
    taken["sent_ns"] = taken["intended_ns"]
    taken["error"] = np.array([row[4] for row in rows], np.int64)
    histograms = Histograms(BUNDLED)
    histograms.add(taken, errors)
    shown = histograms.document()["felt"]

    words = {"step": STEPS, "outcome": OUTCOMES, "error": [*errors, None]}
    frame = pd.DataFrame(
        {
            name: np.take(np.array(words[name], dtype=object), codes)
            if name in words
            else pd.array(codes, "Int64")
            for name, codes in taken.items()
        }
    )
    times = ["intended_ns", "sent_ns", "first_byte_ns", "done_ns"]
    frame[times] = frame[times].mask(frame[times] < 0)
    others = [f"{part}_us" for part in PARTS]
    frame = frame.assign(
        student=7,
        journey="eager",
        role=[BUNDLED.role_of(step) for step in frame["step"]],
        read_ns=frame["done_ns"],
        **dict.fromkeys(others, 0),
    )
    report = latency_of_requests(frame, None)
    for step in (PAGE, STREAM):
        felt = report.loc[report["counts"] & (report["step"] == step), "felt_ms"]
        assert len(rows) / 4 < len(felt) < len(rows) / 2
        assert sum(shown[step]["counts"]) == len(felt)
        assert shown[step]["sum_s"] == pytest.approx(felt.sum() / 1000)
