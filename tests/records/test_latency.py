"""Which requests count, and when each was answered: one rule for the histograms and the report."""

import itertools

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.records.latency import felt_of
from dress_rehearsal.records.tables import NS_PER_MS, OUTCOMES, STEPS, STREAM
from dress_rehearsal.reports.evidence.latency import latency_frame
from dress_rehearsal.scenarios.histograms import Histograms

INTENDED_NS = 10**18
PAGE = STEPS[0]


def columns(*rows):
    """Columns of (step, outcome, status, first byte, done), the last two in ms since intended."""
    found = {"intended_ns": np.full(len(rows), INTENDED_NS)}
    for place, (name, words) in enumerate((("step", STEPS), ("outcome", OUTCOMES))):
        codes = [words.index(row[place]) if row[place] in words else -1 for row in rows]
        found[name] = np.array(codes, np.int64)
    found["status"] = np.array([row[2] for row in rows], np.int64)
    for place, name in ((3, "first_byte_ns"), (4, "done_ns")):
        times = [-1 if row[place] is None else INTENDED_NS + row[place] * NS_PER_MS for row in rows]
        found[name] = np.array(times, np.int64)
    return found


def felt_ms(*row):
    """The latency of one request that counts, or None."""
    answered_ns, counts = felt_of(columns(row))
    return (int(answered_ns[0]) - INTENDED_NS) / NS_PER_MS if counts[0] else None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param((PAGE, "ok", 200, 1, 2), 2, id="an answer"),
        pytest.param((PAGE, "refused", 409, 1, 2), 2, id="sold out is one"),
        pytest.param((PAGE, "unknown", 0, None, 900), 900, id="nobody knows, so it was waited for"),
        pytest.param((PAGE, "failed", 0, None, 1000), 1000, id="waited for in vain"),
        pytest.param((PAGE, "failed", 0, None, 999), None, id="a quick refusal"),
        pytest.param((PAGE, "failed", 503, 1, 2000), None, id="a 503 however slow"),
        pytest.param((PAGE, "ok", 200, 1, None), None, id="no end, no latency"),
        pytest.param((PAGE, "odd", 200, 1, 2), None, id="an outcome that is none"),
        pytest.param(("GET /own", "ok", 200, 1, 2), 2, id="a step of another app's"),
        pytest.param((STREAM, "ok", 200, 7, 60_000), 7, id="a stream, with its first bytes"),
        pytest.param((STREAM, "unknown", 0, None, 60_000), 60_000, id="a stream without any"),
    ],
)
def test_what_counts_and_for_how_long(row, expected):
    assert felt_ms(*row) == expected


def test_the_histograms_and_the_report_take_the_same_rows():
    rows = list(
        itertools.product(
            [PAGE, STREAM], OUTCOMES, [0, 200, 503], [None, 5, 2000], [None, 10, 999, 1000, 3000]
        )
    )
    taken = columns(*rows)
    taken["sent_ns"] = taken["intended_ns"]
    histograms = Histograms()
    histograms.add(taken)
    shown = histograms.document()["felt"]

    words = {"step": STEPS, "outcome": OUTCOMES}
    frame = pd.DataFrame(
        {
            name: np.take(words[name], codes) if name in words else pd.array(codes, "Int64")
            for name, codes in taken.items()
        }
    )
    times = ["intended_ns", "sent_ns", "first_byte_ns", "done_ns"]
    frame[times] = frame[times].mask(frame[times] < 0)
    others = ["queue_us", "pool_us", "db_us", "redis_us", "external_us", "app_us"]
    frame = frame.assign(
        journey="eager", error=None, read_ns=frame["done_ns"], **dict.fromkeys(others, 0)
    )
    report = latency_frame(frame, None)
    for step in (PAGE, STREAM):
        felt = report.loc[report["counts"] & (report["step"] == step), "felt_ms"]
        assert 0 < len(felt) < len(rows) / 2
        assert sum(shown[step]["counts"]) == len(felt)
        assert shown[step]["sum_s"] == pytest.approx(felt.sum() / 1000)
