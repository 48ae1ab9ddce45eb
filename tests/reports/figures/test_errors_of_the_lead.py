"""Errors of a long lead, which other figures cut, are drawn."""

import dataclasses

from dress_rehearsal.reports.figures.errors import draw_errors
from dress_rehearsal.reports.figures.time_axis import run_window_s

SECOND = 1_000_000_000


def test_errors_of_before_the_time_that_others_show_have_their_bars(evidence_of):
    evidence = evidence_of(students=60, tickets=20, failed=3)
    rows = evidence.requests
    failed = (rows["outcome"] == "failed").to_numpy(dtype=bool)
    assert failed.any()
    moved = {
        name: rows[name].mask(failed, evidence.t0_ns - 60 * SECOND)
        for name in ("intended_ns", "sent_ns", "done_ns", "read_ns")
    }
    long = dataclasses.replace(evidence, requests=rows.assign(**moved))
    window_s = run_window_s(long)
    assert window_s[0] > -30, "the others cut the lead"
    drawing = draw_errors(long, window_s)
    (axes,) = [drawing.wide.element.partition('data-axes="[[')[2].partition("]")[0].split(",")]
    assert float(axes[4]) < -60 < float(axes[5])
