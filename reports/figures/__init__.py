"""The report's figures: each states its finding, drawn with matplotlib as SVG."""

from dress_rehearsal.reports.figures import style  # noqa: F401  (first: it imports matplotlib)

# isort: split
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.purchase_step import purchase_step_of
from dress_rehearsal.reports.figures.arrivals import draw_arrivals
from dress_rehearsal.reports.figures.closed_load import draw_load, draw_load_latency
from dress_rehearsal.reports.figures.drawing import Drawing, Missing
from dress_rehearsal.reports.figures.errors import draw_errors
from dress_rehearsal.reports.figures.generator import draw_generator
from dress_rehearsal.reports.figures.groups import draw_groups
from dress_rehearsal.reports.figures.latency import draw_latency
from dress_rehearsal.reports.figures.pools import draw_pools
from dress_rehearsal.reports.figures.slowest import draw_slowest
from dress_rehearsal.reports.figures.spectrum import draw_spectrum
from dress_rehearsal.reports.figures.time_axis import RunSeries
from dress_rehearsal.reports.schema import Verdict

__all__ = ["Drawing", "Missing", "draw_figures"]


def draw_figures(evidence: Evidence, verdict: Verdict) -> list[Drawing | Missing]:
    """Return every figure, in the order they are read; the titles state the verdict's numbers."""
    run = RunSeries(evidence)
    if evidence.plan.load is not None:
        first = [
            draw_load(evidence, run.window_s, verdict.load),
            draw_load_latency(evidence, run.window_s, verdict.latency_ms),
        ]
    else:
        first = [
            draw_arrivals(evidence),
            draw_groups(verdict.groups),
            draw_latency(evidence, run.window_s, purchase_step_of(verdict)),
        ]
    return [
        *first,
        draw_errors(evidence, run.window_s),
        draw_slowest(verdict.bands, closed=evidence.plan.load is not None),
        draw_spectrum(evidence, verdict.latency_ms),
        draw_pools(evidence, run, verdict.bottleneck, verdict.pools),
        draw_generator(evidence, run, verdict.generator),
    ]
