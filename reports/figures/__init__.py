"""The report's figures: each states its finding, drawn with matplotlib as SVG."""

import pandas as pd

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.figures.arrivals import draw_arrivals
from dress_rehearsal.reports.figures.drawing import Drawing, Missing
from dress_rehearsal.reports.figures.generator import draw_generator
from dress_rehearsal.reports.figures.latency import draw_latency
from dress_rehearsal.reports.figures.pools import draw_pools
from dress_rehearsal.reports.figures.spectrum import draw_spectrum
from dress_rehearsal.reports.figures.time_axis import Moments, RunSeries, run_window_s
from dress_rehearsal.reports.schema import Verdict

__all__ = ["Drawing", "Missing", "draw_figures"]


def draw_figures(
    evidence: Evidence, verdict: Verdict, frame: pd.DataFrame
) -> list[Drawing | Missing]:
    """Draw every figure, in the order they are read.

    Args:
        verdict: the titles state its numbers.
        frame: every request's latencies, from `latency_frame`.
    """
    moments = Moments.of(evidence)
    run = RunSeries(evidence, moments, run_window_s(evidence, moments))
    return [
        draw_arrivals(evidence, moments),
        draw_latency(evidence, moments, frame, verdict.latency_ms),
        draw_spectrum(frame, verdict.latency_ms),
        draw_pools(evidence, moments, run, verdict.bottleneck),
        draw_generator(evidence, moments, frame, run, verdict.generator),
    ]
