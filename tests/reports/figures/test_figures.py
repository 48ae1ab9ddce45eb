"""Figures state the verdict's own numbers, draw what was recorded, and are the same every time."""

import dataclasses
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.purchase_step import purchase_step_of
from dress_rehearsal.reports.evidence.timeline import Timeline
from dress_rehearsal.reports.figures import Drawing, Missing, draw_figures
from dress_rehearsal.reports.figures.arrivals import answers_lag_s, draw_arrivals
from dress_rehearsal.reports.figures.generator import draw_generator
from dress_rehearsal.reports.figures.groups import draw_groups
from dress_rehearsal.reports.figures.latency import draw_latency
from dress_rehearsal.reports.figures.palette import FAULT, NARROW, WIDE
from dress_rehearsal.reports.figures.pools import PoolRow, draw_pools, pool_rows
from dress_rehearsal.reports.figures.spectrum import draw_spectrum
from dress_rehearsal.reports.figures.time_axis import RunSeries, Series, run_window_s
from dress_rehearsal.reports.page.tables import generator_table
from dress_rehearsal.reports.pools import find_pools
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.verdict import judge
from dress_rehearsal.reports.words import milliseconds, offset, resource_words, seconds, written
from tests.reports.contained_runs import contained
from tests.steps import PAGE, PURCHASE

pytestmark = pytest.mark.slow

EvidenceOf = Callable[..., Evidence]
VerdictOf = Callable[..., Verdict]
FigureOf = Callable[..., Drawing]
DRAW: dict[str, Callable[[Evidence, Verdict], Drawing | Missing]] = {
    "arrivals": lambda run, _: draw_arrivals(run),
    "latency": lambda run, verdict: draw_latency(run, run_window_s(run), purchase_step_of(verdict)),
    "spectrum": lambda run, verdict: draw_spectrum(run, verdict.latency_ms),
    "pools": lambda run, verdict: draw_pools(
        run, RunSeries(run), verdict.bottleneck, verdict.pools
    ),
    "generator": lambda run, verdict: draw_generator(run, RunSeries(run), verdict.generator),
}


@pytest.fixture(scope="module")
def figure_of(evidence_of: EvidenceOf, verdict_of: VerdictOf) -> FigureOf:
    """Return a figure of a run by its name; the same one is drawn once."""
    known: dict[str, Drawing] = {}

    def figure(name: str, **arguments: Any) -> Drawing:
        key = repr((name, sorted(arguments.items())))
        if key not in known:
            evidence, verdict = evidence_of(**arguments), verdict_of(**arguments)
            known[key] = drawn(DRAW[name](evidence, verdict))
        return known[key]

    return figure


def drawn(figure: Drawing | Missing) -> Drawing:
    assert isinstance(figure, Drawing), figure
    return figure


def test_arrivals_state_the_time_to_sell_out_of_the_ledger(
    healthy: Evidence, figure_of: FigureOf
) -> None:
    redis = healthy.ledger[healthy.ledger["source"] == "redis"]
    assert healthy.t0_ns is not None
    last_s = (int(redis["granted_ns"].max()) - healthy.t0_ns) / 1e9
    title = figure_of("arrivals").title
    assert title.startswith(f"200 tickets went in {seconds(last_s)}; answers lagged")


def test_arrivals_say_so_when_more_went_than_there_was(
    verdict_of: VerdictOf, figure_of: FigureOf
) -> None:
    assert verdict_of(oversell=5).audit.oversold == 5
    assert figure_of("arrivals", oversell=5).title.startswith("205 grants for 200 tickets")


def test_the_lag_is_from_the_nth_click_to_the_nth_answer() -> None:
    timeline = Timeline(zero_ns=0, has_t0=True)
    clicks = pd.DataFrame(
        {
            "intended_ns": pd.array([-500, 0, 100, 200, 300], dtype="Int64") * 1_000_000,
            "done_ns": pd.array([9_000, 400, 150, 900, None], dtype="Int64") * 1_000_000,
            "status": [409, 201, 201, 409, 0],
            "outcome": ["refused", "ok", "ok", "refused", "unknown"],
        }
    )
    # Sorted answers 150, 400, 900 belong to clicks 0, 100, 200; early and unanswered are left out.
    assert answers_lag_s(clicks, timeline) == pytest.approx(0.7)
    assert answers_lag_s(clicks.tail(1), timeline) is None


def test_latency_states_the_verdicts_numbers_and_the_failures(
    evidence_of: EvidenceOf, verdict_of: VerdictOf, figure_of: FigureOf
) -> None:
    outcomes = evidence_of(failed=7, unknown=4).latency["outcome"]
    bought = verdict_of(failed=7, unknown=4).latency_ms[PURCHASE]
    title = figure_of("latency", failed=7, unknown=4).title
    assert f"took at most {milliseconds(bought.p99)} " in title
    assert f"system's part: {milliseconds(bought.system_p99)}" in title
    failed = written(int((outcomes == "failed").sum()))
    requests = written(len(outcomes))
    assert title.startswith(f"Of {requests} requests {failed} failed and 4 got no answer")


def test_what_students_needed_no_more_is_not_told_as_unanswered(
    evidence_of: EvidenceOf, verdict_of: VerdictOf
) -> None:
    evidence = evidence_of(unknown=4)
    rows = evidence.requests.copy()
    unknown = rows["outcome"] == "unknown"
    rows["error"] = rows["error"].astype("object").mask(unknown, "abandoned")
    left = dataclasses.replace(evidence, requests=rows)
    bought = purchase_step_of(verdict_of(unknown=4))
    figure = drawn(draw_latency(left, run_window_s(left), bought))
    assert figure.title.endswith(f"none of {written(len(rows) - 4)} requests failed")
    assert "unknown, per" not in figure.wide.file


def test_a_run_without_failures_says_so_in_its_latencies(
    healthy: Evidence, healthy_verdict: Verdict, figure_of: FigureOf
) -> None:
    title = figure_of("latency").title
    felt_ms = healthy_verdict.latency_ms[PURCHASE].p99
    assert title.startswith(
        f"99 of 100 clicks to buy were answered within {milliseconds(felt_ms)} "
    )
    assert title.endswith(f"none of {written(len(healthy.requests))} requests failed")


def test_the_spectrum_states_the_slowest_step_of_the_verdict(
    healthy_verdict: Verdict, figure_of: FigureOf
) -> None:
    latency_ms, title = healthy_verdict.latency_ms, figure_of("spectrum").title
    slowest = max(latency_ms, key=lambda step: latency_ms[step].p99_9 or 0.0)
    assert slowest in title
    assert f"99.9% within {milliseconds(latency_ms[slowest].p99_9)}" in title


def test_pools_state_the_verdicts_bottleneck(verdict_of: VerdictOf, figure_of: FigureOf) -> None:
    bottleneck = verdict_of(slow_ms=400).bottleneck
    assert bottleneck is not None
    title = figure_of("pools", slow_ms=400).title
    words = resource_words(bottleneck.resource)
    assert title == f"Most time was lost to {words}, from {offset(bottleneck.since_s)} on"


def test_pools_that_saturated_are_named_though_nobody_waited_long(
    evidence_of: EvidenceOf, verdict_of: VerdictOf, figure_of: FigureOf
) -> None:
    evidence, verdict = evidence_of(pool_exhausted=True), verdict_of(pool_exhausted=True)
    full = [pool for pool in verdict.pools if pool.saturated_at_s is not None]
    assert [pool.name for pool in full] == ["postgres"]
    one = drawn(draw_pools(evidence, RunSeries(evidence), None, verdict.pools))
    assert one.title == (
        f"1 pool saturated: PostgreSQL pools, from {offset(full[0].saturated_at_s)} on"
    )
    later = full[0].model_copy(update={"name": "redis", "saturated_at_s": 3.0})
    two = drawn(draw_pools(evidence, RunSeries(evidence), None, [later, *verdict.pools]))
    assert two.title.startswith("2 pools saturated, the first of them: PostgreSQL pools, from T-0")
    assert figure_of("pools").title.startswith("No pool saturated; the fullest: ")


def test_the_pools_title_says_of_what_it_is_known_that_none_saturated(
    evidence_of: EvidenceOf, verdict_of: VerdictOf
) -> None:
    def title(*, no_t0: bool = False, **update: Any) -> str:
        evidence = evidence_of(no_t0=no_t0)
        (own,) = [pool for pool in verdict_of().pools if pool.name == "postgres"]
        pools = [own.model_copy(update=update)]
        return drawn(draw_pools(evidence, RunSeries(evidence), None, pools)).title

    assert title().startswith("No pool saturated; the fullest: ")
    assert title(no_t0=True).startswith("No pool saturated; the fullest: ")
    assert title(diagnosis="not_measured").startswith(
        "No pool of those measured saturated; the fullest: "
    )
    for diagnosis in ("undersized", "slow_holder", None):
        assert title(no_t0=True, diagnosis=diagnosis) == "1 pool saturated: PostgreSQL pools"


def test_the_accept_queue_is_drawn_that_the_verdict_tells_of(evidence_of: EvidenceOf) -> None:
    evidence = evidence_of()
    words = ("source", "name", "labels")
    table = evidence.metrics.astype(dict.fromkeys(words, str))
    own = table[table["name"].str.startswith("listen_queue")]
    stores = own.assign(labels='{"container":"postgres"}')
    stores.loc[stores["name"] == "listen_queue_length", "value"] = 190.0
    stores.loc[stores["name"] == "listen_queue_limit", "value"] = 200.0
    app = own.assign(labels='{"container":"app"}')
    table = pd.concat([table.drop(own.index), app, stores]).sort_values("t_ns", kind="stable")
    table = table.reset_index(drop=True).astype(dict.fromkeys(words, "category"))
    evidence = dataclasses.replace(evidence, metrics=table)

    told = next(each.pool for each in find_pools(evidence) if each.pool.name == "accept_queue")
    (row,) = [row for row in pool_rows(RunSeries(evidence)) if row.name == "Kernel's accept queue"]
    assert row.pending is not None
    assert (row.pending.highest, row.most) == (told.peak_used, told.max)
    assert row.pending.highest < 190


def test_a_limit_that_was_made_up_for_is_not_more_than_used_up(evidence_of: EvidenceOf) -> None:
    evidence = contained(evidence_of(), "app-1", limit=0.1, held=0.5, used=0.11)
    figure = drawn(draw_pools(evidence, RunSeries(evidence), None, ()))
    assert figure.title == "No pool saturated; the fullest: CPU limit of app-1, 100% in use"


def test_a_pool_that_was_full_is_drawn_full_and_waited_for(evidence_of: EvidenceOf) -> None:
    rows = {row.name: row for row in pool_rows(RunSeries(evidence_of(pool_exhausted=True)))}
    pool = rows["PostgreSQL pools"]
    assert pool.used is not None
    assert pool.pending is not None
    assert pool.wait_ms is not None
    assert (pool.used.highest, pool.pending.highest, pool.most) == (20, 50, 20)
    waited = pool.wait_ms.at_s[pool.wait_ms.values > 10]
    assert 0 < waited.min() <= 0.75
    assert waited.max() <= 3.5


def test_use_and_what_waits_stand_apart_where_one_scale_would_hide_one(
    evidence_of: EvidenceOf,
) -> None:
    evidence = evidence_of(pool_exhausted=True)
    pool = {row.name: row for row in pool_rows(RunSeries(evidence))}["PostgreSQL pools"]
    assert not pool.overrun, "50 waiting beside 20 in use can both be read"
    assert pool.pending is not None
    crowd = Series(pool.pending.at_s, pool.pending.values * 100)
    assert dataclasses.replace(pool, pending=crowd).overrun
    assert not dataclasses.replace(pool, pending=crowd, used=None).overrun

    def panels(times: float) -> int:
        metrics = evidence.metrics.copy()
        waiting = metrics["name"] == "db_client_connection_pending_requests"
        metrics.loc[waiting, "value"] *= times
        of = dataclasses.replace(evidence, metrics=metrics)
        return drawn(draw_pools(of, RunSeries(of), None, ())).wide.file.count("<clipPath")

    assert panels(100) == panels(1) + 1


def test_a_pool_in_which_nothing_happened_is_a_word_and_no_row(evidence_of: EvidenceOf) -> None:
    evidence = evidence_of()
    busy = drawn(draw_pools(evidence, RunSeries(evidence), None, ()))
    assert "Without a row" not in busy.caption
    metrics = evidence.metrics.copy()
    labels = metrics["labels"].astype(str)
    own = metrics["name"].astype(str).str.startswith("db_client_connection")
    own &= labels.str.contains('"pool":"postgres"', regex=False)
    own &= ~metrics["name"].isin(["db_client_connection_max"])
    metrics.loc[own, "value"] = 0
    idle = dataclasses.replace(evidence, metrics=metrics)
    figure = drawn(draw_pools(idle, RunSeries(idle), None, ()))
    assert "found anything in use or waiting: PostgreSQL pools." in figure.caption
    assert figure.wide.file.count("<clipPath") < busy.wide.file.count("<clipPath")


def test_a_fault_is_shaded_while_it_is_on(evidence_of: EvidenceOf, figure_of: FigureOf) -> None:
    evidence = evidence_of(faults=[("leak", 1.0, 2.5)])
    with_one = drawn(draw_arrivals(evidence))
    assert FAULT in with_one.wide.file
    assert "--figure-fault" in with_one.narrow.element
    assert FAULT not in figure_of("arrivals").wide.file


@pytest.mark.parametrize(
    ("defects", "words"),
    [
        ({}, "The generator kept up"),
        ({"generator_late_ms": 2500.0}, "The generator was the limit"),
    ],
)
def test_the_generators_figure_says_whether_it_kept_up(
    verdict_of: VerdictOf, figure_of: FigureOf, defects: dict[str, Any], words: str
) -> None:
    generator = verdict_of(**defects).generator
    title = figure_of("generator", **defects).title
    assert title.startswith(words)
    assert (" of the clicks around T-0 left late; in all 99 of 100 " in title) == bool(defects)
    assert f"started within {milliseconds(generator.late_start_p99_ms)} of" in title


def test_a_figure_is_valid_svg_with_its_finding_as_title(figure_of: FigureOf) -> None:
    figure = figure_of("spectrum")
    for form, svg in ((WIDE, figure.wide), (NARROW, figure.narrow)):
        root = ElementTree.fromstring(svg.file)
        name = "{http://www.w3.org/2000/svg}"
        assert root.findtext(f"{name}title") == figure.title
        assert root.findtext(f"{name}desc") == figure.caption
        assert root.attrib["viewBox"].split()[2] == f"{form.width_pt:g}"
        assert ElementTree.fromstring(svg.element).attrib["aria-label"].startswith(figure.title)
    assert "<text" not in figure.wide.file, "text is outlines: it looks the same everywhere"
    assert "<dc:date>" not in figure.wide.file


def test_a_hostile_name_stays_text_in_a_figure(healthy: Evidence, healthy_verdict: Verdict) -> None:
    hostile = 'GET /<script>alert("1")</script>-->&amp;'
    words = healthy.requests["step"].astype("object")
    requests = healthy.requests.assign(step=words.where(words != "POST /login", hostile))
    evidence = dataclasses.replace(healthy, requests=requests)
    latency_ms = {
        hostile if step == "POST /login" else step: part
        for step, part in healthy_verdict.latency_ms.items()
    }
    slow = latency_ms[hostile].model_copy(update={"p99_9": 1e6})
    figure = drawn(draw_spectrum(evidence, {**latency_ms, hostile: slow}))
    assert hostile in figure.title
    for text in (figure.wide.file, figure.narrow.element):
        root = ElementTree.fromstring(text)
        assert not [part for part in root.iter() if part.tag.endswith("script")]
        assert "<!--" not in text


def test_of_very_many_steps_the_spectrum_draws_buying_and_those_asked_most(
    healthy: Evidence, healthy_verdict: Verdict
) -> None:
    words = healthy.requests["step"].astype("object").to_numpy(copy=True)
    pages = np.flatnonzero(words == PAGE)
    for number, row in enumerate(pages):
        words[row] = f"GET /pages/{number % 300}"
    evidence = dataclasses.replace(healthy, requests=healthy.requests.assign(step=words))
    latency_ms = dict(healthy_verdict.latency_ms)
    page = latency_ms.pop(PAGE)
    usual = len(latency_ms)
    latency_ms |= {f"GET /pages/{number}": page for number in range(300)}
    figure = drawn(draw_spectrum(evidence, latency_ms))
    assert f"Of {usual + 300} steps it has the 10 asked most." in figure.caption
    few = drawn(draw_spectrum(healthy, healthy_verdict.latency_ms))
    assert len(figure.wide.file) < 2 * len(few.wide.file)


def test_a_machines_own_matplotlib_settings_change_nothing(
    healthy: Evidence, healthy_verdict: Verdict, figure_of: FigureOf
) -> None:
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 30, "svg.fonttype": "none", "axes.grid": True}):
        again = drawn(draw_spectrum(healthy, healthy_verdict.latency_ms))
    assert again == figure_of("spectrum")


def test_an_absent_finding_is_missing_not_empty(evidence_of: EvidenceOf) -> None:
    evidence = evidence_of(without=["requests", "metrics"])
    figures = draw_figures(evidence, judge(evidence))
    assert len(figures) == 8
    drawn_all_the_same = {each.name for each in figures if not isinstance(each, Missing)}
    assert drawn_all_the_same == {"groups"}, "what students ended as is on record"


def test_a_run_that_wronged_somebody_says_of_nobody_that_the_end_was_good(verdict_of):
    verdict = verdict_of(students=200, tickets=60, oversell=3)
    assert verdict.verdict == "fail"
    drawn = draw_groups(verdict.groups)
    assert "(≥: requests were given up that took no longer)" in drawn.caption
    assert drawn.title.startswith("All 200 students ended with a ticket, sold out or refused")


def test_what_aged_or_was_taken_again_and_again_is_not_passed_over() -> None:
    at_s = np.arange(6.0)
    still = Series(at_s, np.zeros(6))
    taken = Series(at_s, np.array([np.nan, 0.3, np.nan, 0.3, np.nan, 0.3]))
    once = Series(at_s, np.array([np.nan, 0.3, np.nan, np.nan, np.nan, np.nan]))
    assert PoolRow("pool", used=still, pending=still, wait_ms=once).is_quiet
    assert not PoolRow("pool", used=still, pending=still, wait_ms=taken).is_quiet
    assert not PoolRow("queue", pending=still, wait_ms=once).is_quiet, "an entry was that old"
    assert not PoolRow("loop", wait_ms=once).is_quiet, "of its level nothing is known"


def test_the_read_lag_of_the_rush_is_told_beside_that_of_the_whole_run(
    evidence_of: EvidenceOf,
) -> None:
    """ "99 of 100 answers were read within 108.8 ms" stood above a curve of two seconds at T-0."""
    evidence = evidence_of(students=200, tickets=60)
    rows = evidence.requests
    slow = (rows["done_ns"] - evidence.t0_ns).between(0, 10**9)
    read_ns = rows["read_ns"].mask(slow, rows["done_ns"] + 2 * 10**9)
    late = dataclasses.replace(evidence, requests=rows.assign(read_ns=read_ns))
    generator = judge(evidence).generator.model_copy(update={"read_lag_p99_ms": 108.8})
    drawn = draw_generator(late, RunSeries(late), generator)
    assert "99 of 100 answers were read within 108.8 ms (2,000 ms in the worst " in drawn.title
    assert "what the student does next waits for it" in drawn.caption
    cells = {row[0].text: row[3].text for row in generator_table(generator, late).rows}
    around = cells["Read lag of all answers of the run, p99"]
    assert around == "of those that came from T-0 − 1 s to T-0 + 1 s: 2,000 ms"


def test_read_lag_is_drawn_when_the_answer_came(evidence_of: EvidenceOf) -> None:
    """Clicks of T-0 answered 6 s later, while the generator stood still, are no lag at T-0."""
    evidence = evidence_of(students=200, tickets=60)
    rows = evidence.requests
    slow = (rows["done_ns"] - evidence.t0_ns).between(0, 10**9)
    done_ns = rows["done_ns"].mask(slow, evidence.t0_ns + 6 * 10**9)
    read_ns = rows["read_ns"].mask(slow, evidence.t0_ns + 8 * 10**9)
    late = dataclasses.replace(evidence, requests=rows.assign(done_ns=done_ns, read_ns=read_ns))
    drawn = draw_generator(late, RunSeries(late), judge(evidence).generator)
    assert "2,000 ms in the worst" in drawn.title
    assert "from T-0 + 5.9" in drawn.title or "from T-0 + 6" in drawn.title
