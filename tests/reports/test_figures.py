"""Figures state the verdict's own numbers, draw what was recorded, and are the same every time."""

import dataclasses
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.reports.evidence import PURCHASE, Evidence
from dress_rehearsal.reports.figures import Drawing, Missing
from dress_rehearsal.reports.figures.arrivals import answers_lag_s, draw_arrivals
from dress_rehearsal.reports.figures.generator import draw_generator
from dress_rehearsal.reports.figures.latency import draw_latency
from dress_rehearsal.reports.figures.layout import Sheet
from dress_rehearsal.reports.figures.palette import FAULT, NARROW, WIDE, count, milliseconds, offset
from dress_rehearsal.reports.figures.pools import draw_pools, pool_rows
from dress_rehearsal.reports.figures.spectrum import draw_spectrum
from dress_rehearsal.reports.figures.svg import text_width_pt, wrapped
from dress_rehearsal.reports.figures.time_axis import (
    Moments,
    RunSeries,
    bins_s,
    counts,
    quantiles,
    run_window_s,
)
from dress_rehearsal.reports.latency import latency_frame
from dress_rehearsal.reports.sale import sale_of
from dress_rehearsal.reports.verdict import judge

EvidenceOf = Callable[..., Evidence]
BuildRun = Callable[..., RunDirectory]


def run_series(evidence: Evidence) -> RunSeries:
    moments = Moments.of(evidence)
    return RunSeries(evidence, moments, run_window_s(evidence, moments))


def drawn(figure: Drawing | Missing) -> Drawing:
    assert isinstance(figure, Drawing), figure
    return figure


def test_arrivals_state_the_time_to_sell_out_of_the_ledger(healthy: Evidence) -> None:
    moments = Moments.of(healthy)
    figure = drawn(draw_arrivals(healthy, moments))
    redis = healthy.ledger[healthy.ledger["source"] == "redis"]
    assert healthy.t0_ns is not None
    last_ms = (int(redis["granted_ns"].max()) - healthy.t0_ns) / 1e6
    assert figure.title.startswith(f"200 tickets went in {milliseconds(last_ms)}; answers lagged")


def test_arrivals_say_so_when_more_went_than_there_was(evidence_of: EvidenceOf) -> None:
    evidence = evidence_of(oversell=5)
    figure = drawn(draw_arrivals(evidence, Moments.of(evidence)))
    assert judge(evidence).audit.oversold == 5
    assert figure.title.startswith("205 grants for 200 tickets")


def test_a_row_delivered_twice_is_one_grant(evidence_of: EvidenceOf) -> None:
    evidence = evidence_of(repeated_rows=4)
    assert sale_of(evidence, Moments.of(evidence)).granted == 200


def test_the_lag_is_from_the_nth_click_to_the_nth_answer() -> None:
    moments = Moments(zero_ns=0, t0=True)
    clicks = pd.DataFrame(
        {
            "intended_ns": pd.array([-500, 0, 100, 200, 300], dtype="Int64") * 1_000_000,
            "done_ns": pd.array([9_000, 400, 150, 900, None], dtype="Int64") * 1_000_000,
            "status": [409, 201, 201, 409, 0],
            "outcome": ["refused", "ok", "ok", "refused", "unknown"],
        }
    )
    # Sorted answers 150, 400, 900 belong to clicks 0, 100, 200; early and unanswered are left out.
    assert answers_lag_s(clicks, moments) == pytest.approx(0.7)
    assert answers_lag_s(clicks.tail(1), moments) is None


def test_latency_states_the_verdicts_numbers_and_the_failures(evidence_of: EvidenceOf) -> None:
    evidence = evidence_of(failed=7, unknown=4)
    frame, verdict = latency_frame(evidence), judge(evidence)
    figure = drawn(draw_latency(evidence, Moments.of(evidence), frame, verdict.latency_ms))
    bought = verdict.latency_ms[PURCHASE]
    assert bought.p99 is not None
    assert bought.system_p99 is not None
    assert f"took at most {milliseconds(bought.p99)} " in figure.title
    assert f"system's part: {milliseconds(bought.system_p99)}" in figure.title
    failed = int((frame["outcome"] == "failed").sum())
    requests = count(len(frame))
    assert figure.title.startswith(
        f"Of {requests} requests {count(failed)} failed and 4 got no answer"
    )


def test_a_run_without_failures_says_so_in_its_latencies(healthy: Evidence) -> None:
    frame, latency_ms = latency_frame(healthy), judge(healthy).latency_ms
    figure = drawn(draw_latency(healthy, Moments.of(healthy), frame, latency_ms))
    felt_ms = latency_ms[PURCHASE].p99
    assert felt_ms is not None
    start = f"99 of 100 clicks to buy were answered within {milliseconds(felt_ms)} "
    assert figure.title.startswith(start)
    assert figure.title.endswith(f"none of {count(len(frame))} requests failed")


def test_the_spectrum_states_the_slowest_step_of_the_verdict(healthy: Evidence) -> None:
    latency_ms = judge(healthy).latency_ms
    figure = drawn(draw_spectrum(latency_frame(healthy), latency_ms))
    slowest = max(latency_ms, key=lambda step: latency_ms[step].p99_9 or 0.0)
    assert slowest in figure.title
    assert f"99.9% within {milliseconds(latency_ms[slowest].p99_9 or 0.0)}" in figure.title


def test_pools_state_the_verdicts_bottleneck(evidence_of: EvidenceOf) -> None:
    evidence = evidence_of(pool_exhausted=True)
    bottleneck = judge(evidence).bottleneck
    assert bottleneck is not None
    assert bottleneck.resource == "postgres"
    moments, run = Moments.of(evidence), run_series(evidence)
    figure = drawn(draw_pools(evidence, moments, run, bottleneck))
    assert figure.title == f"First to saturate: PostgreSQL pools, at {offset(bottleneck.since_s)}"


def test_a_pool_that_was_full_is_drawn_full_and_waited_for(evidence_of: EvidenceOf) -> None:
    rows = {row.name: row for row in pool_rows(run_series(evidence_of(pool_exhausted=True)))}
    pool = rows["PostgreSQL pools"]
    assert pool.used is not None
    assert pool.pending is not None
    assert pool.wait_ms is not None
    assert (pool.used.highest, pool.pending.highest, pool.most) == (20, 50, 20)
    waited = pool.wait_ms.at_s[pool.wait_ms.values > 10]
    assert 0 < waited.min() <= 0.75
    assert waited.max() <= 3.5


def test_a_lost_worker_leaves_the_sum_of_the_others(evidence_of: EvidenceOf) -> None:
    run = run_series(evidence_of(worker_lost=True))
    most = run.level("db_client_connection_max", "app", pool="redis")
    assert most is not None
    early = most.values[(most.at_s > -2) & (most.at_s < 0.5)]
    late = most.values[most.at_s > 3.5]
    assert set(early) == {128}
    assert set(late) == {64}


def test_a_counters_rate_is_its_growth_over_the_last_second(healthy: Evidence) -> None:
    run = run_series(healthy)
    cpu = run.rate("process_cpu_seconds_total", "processes", component="generator")
    assert cpu is not None
    during = cpu.values[(cpu.at_s > 1.2) & (cpu.at_s < 1.8)]
    assert during == pytest.approx(0.6, abs=0.01)
    assert run.rate("process_cpu_seconds_total", "processes", component="nobody") is None


def test_a_fault_is_shaded_while_it_is_on(evidence_of: EvidenceOf) -> None:
    faults = [("leak", 1.0, 2.5), ("slow_database", 2.0, None), ("worker_crash", 3.0, None)]
    evidence = evidence_of(faults=faults, undone_fault="redis_wipe")
    moments = Moments.of(evidence)
    assert [(span.name, span.since_s, span.until_s) for span in moments.faults] == [
        ("leak", 1.0, 2.5),
        ("slow_database", 2.0, float("inf")),
        ("worker_crash", 3.0, 3.0),
    ]
    with_them = drawn(draw_arrivals(evidence, moments))
    without = drawn(draw_arrivals(evidence, dataclasses.replace(moments, faults=())))
    assert FAULT in with_them.wide.file
    assert "--figure-fault" in with_them.narrow.element
    assert FAULT not in without.wide.file


def test_the_generators_figure_says_whether_it_kept_up(evidence_of: EvidenceOf) -> None:
    for evidence, words in (
        (evidence_of(), "The generator kept up"),
        (evidence_of(generator_late_ms=2500.0), "The generator was the limit"),
    ):
        verdict = judge(evidence)
        late_ms = verdict.generator.late_start_p99_ms
        assert late_ms is not None
        figure = draw_generator(
            evidence,
            Moments.of(evidence),
            latency_frame(evidence),
            run_series(evidence),
            verdict.generator,
        )
        assert drawn(figure).title.startswith(words)
        assert f"started within {milliseconds(late_ms)} of" in drawn(figure).title


def test_a_figure_is_valid_svg_with_its_finding_as_title(healthy: Evidence) -> None:
    figure = drawn(draw_spectrum(latency_frame(healthy), judge(healthy).latency_ms))
    for form, svg in ((WIDE, figure.wide), (NARROW, figure.narrow)):
        root = ElementTree.fromstring(svg.file)
        name = "{http://www.w3.org/2000/svg}"
        assert root.findtext(f"{name}title") == figure.title
        assert root.findtext(f"{name}desc") == figure.caption
        assert root.attrib["viewBox"].split()[2] == f"{form.width_pt:g}"
        assert ElementTree.fromstring(svg.element).attrib["aria-label"].startswith(figure.title)
    assert "<text" not in figure.wide.file, "text is outlines: it looks the same everywhere"
    assert "<dc:date>" not in figure.wide.file


def test_a_hostile_name_stays_text_in_a_figure(healthy: Evidence) -> None:
    hostile = 'GET /<script>alert("1")</script>-->&amp;'
    words = healthy.requests["step"].astype("object")
    requests = healthy.requests.assign(step=words.where(words != "POST /login", hostile))
    evidence = dataclasses.replace(healthy, requests=requests)
    latency_ms = {
        hostile if step == "POST /login" else step: part
        for step, part in judge(healthy).latency_ms.items()
    }
    slow = latency_ms[hostile].model_copy(update={"p99_9": 1e6})
    figure = drawn(draw_spectrum(latency_frame(evidence), {**latency_ms, hostile: slow}))
    assert hostile in figure.title
    for text in (figure.wide.file, figure.narrow.element):
        root = ElementTree.fromstring(text)
        assert not [part for part in root.iter() if part.tag.endswith("script")]
        assert "<!--" not in text


def test_a_machines_own_matplotlib_settings_change_nothing(healthy: Evidence) -> None:
    import matplotlib as mpl

    latency_ms, frame = judge(healthy).latency_ms, latency_frame(healthy)
    once = drawn(draw_spectrum(frame, latency_ms))
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "none", "axes.grid": True}):
        again = drawn(draw_spectrum(frame, latency_ms))
    assert again == once


def test_an_absent_finding_is_missing_not_empty(evidence_of: EvidenceOf) -> None:
    evidence = evidence_of(without=["requests", "metrics"])
    moments, run = Moments.of(evidence), run_series(evidence)
    verdict, frame = judge(evidence), latency_frame(evidence)
    figures = [
        draw_arrivals(evidence, moments),
        draw_latency(evidence, moments, frame, verdict.latency_ms),
        draw_spectrum(frame, verdict.latency_ms),
        draw_pools(evidence, moments, run, verdict.bottleneck),
        draw_generator(evidence, moments, frame, run, verdict.generator),
    ]
    assert all(isinstance(figure, Missing) for figure in figures)


def test_quantiles_are_measured_values_of_their_own_bin() -> None:
    rng = np.random.default_rng(4)
    times, values = rng.uniform(0, 3, 500), rng.exponential(10, 500)
    values[::50] = np.nan
    edges = np.array([0.0, 1.0, 2.0, 4.0, 5.0])
    (found,) = quantiles(times, values, edges, [0.9])
    for number, (start, end) in enumerate(pairwise(edges)):
        own = values[(times >= start) & (times < end) & ~np.isnan(values)]
        if len(own):
            assert found[number] == np.percentile(own, 90, method="higher")
        else:
            assert np.isnan(found[number])


def test_bins_have_an_edge_at_zero_and_lose_nobody() -> None:
    edges = bins_s((-3.07, 11.2), events=100_000)
    assert np.abs(edges).min() < 1e-9
    times = np.random.default_rng(5).uniform(-3.07, 11.2, 1000)
    assert counts(times, edges).sum() == 1000
    assert len(bins_s((-3.07, 11.2), events=100)) < len(edges) < 200


@pytest.mark.parametrize(
    ("value_ms", "words"),
    [
        (0.0, "0 ms"),
        (0.004, "< 0.01 ms"),
        (0.4234, "0.423 ms"),
        (37.0, "37 ms"),
        (999.4, "999 ms"),
        (999.7, "1 s"),
        (1254.0, "1.25 s"),
        (10_000.0, "10 s"),
        (123_456.0, "123 s"),
        (1_234_567.0, "1,235 s"),
    ],
)
def test_times_are_written_as_people_say_them(value_ms: float, words: str) -> None:
    assert milliseconds(value_ms) == words


def test_moments_are_written_from_t0() -> None:
    assert [offset(value) for value in (0.0, 3.2, -0.4)] == ["T-0", "T-0 + 3.2 s", "T-0 − 400 ms"]


def test_titles_wrap_between_words_within_the_sheet() -> None:
    text = "5,000 tickets went in 3.2 s; answers lagged clicks by up to 1.1 s; 12 got no answer"
    lines = wrapped(text, 300, 13, bold=True)
    assert len(lines) > 1
    assert " ".join(lines) == text
    assert all(text_width_pt(line, 13, bold=True) <= 300 for line in lines)


def test_no_two_figures_of_a_page_share_an_id(healthy: Evidence) -> None:
    moments, frame = Moments.of(healthy), latency_frame(healthy)
    verdict = judge(healthy)
    figures: list[Any] = [
        drawn(draw_arrivals(healthy, moments)),
        drawn(draw_spectrum(frame, verdict.latency_ms)),
    ]
    texts = [svg.element for figure in figures for svg in (figure.wide, figure.narrow)]
    ids = [found for text in texts for found in re.findall(r'\bid="([^"]+)"', text)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    "values_ms",
    [
        pytest.param([5.0], id="one"),
        pytest.param([5.0, float(np.nextafter(5.0, 6.0))], id="equal but for the last bit"),
        pytest.param([5.0, 5.1], id="different"),
        pytest.param([0.0, 0.0], id="too small for a log axis"),
    ],
)
def test_few_and_equal_times_get_whole_decades(values_ms: list[float]) -> None:
    panel = Sheet(WIDE, "title", "seconds").panel("Latency", 100)
    panel.line(np.arange(len(values_ms)), np.array(values_ms), "#000000")
    panel.axis_of_time(min(values_ms), max(values_ms))
    low, high = panel.axes.get_ylim()
    assert low <= max(min(values_ms), 0.01)
    assert high >= 100 * low
