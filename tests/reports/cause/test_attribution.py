"""Where the p99 went is told in two ways that add up, and what was moved between them is said."""

import dataclasses
import re

import numpy as np
import pytest

from dress_rehearsal.reports.cause import server_timing
from dress_rehearsal.reports.cause.attribution import WHY_MOVED, moved, moved_words, within
from dress_rehearsal.reports.cause.server_timing import said_means, said_parts
from dress_rehearsal.reports.evidence.latency import PARTS
from dress_rehearsal.reports.figures import slowest as figure
from dress_rehearsal.reports.figures.slowest import draw_slowest
from dress_rehearsal.reports.page.log_lines import LogLines
from dress_rehearsal.reports.page.slow_requests import slow_lists
from dress_rehearsal.reports.page.tables.slowest import parts_tables
from dress_rehearsal.reports.part import Band
from dress_rehearsal.reports.verdict import judge
from dress_rehearsal.reports.words import milliseconds
from tests.reports.cause.altered_runs import SECOND, cause_of, measured, slowed
from tests.steps import PURCHASE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def late(evidence_of):
    """Purchases waited 900 ms for Redis' pool, whose holders' event loops ran 400 ms late."""
    waited = slowed(evidence_of(), waited_for="redis", pool=900)
    return measured(waited, "app_event_loop_lag_seconds", 0.4)


def number(text):
    """The milliseconds of a table's cell."""
    return float(re.sub("[^0-9.]", "", text))


def slowest(verdict):
    return next(band for band in verdict.bands if band.parts)


def test_both_ways_of_splitting_add_up_to_what_was_felt(late):
    band = slowest(judge(late))
    assert sum(band.said.values()) == pytest.approx(band.felt_ms, abs=0.5)
    assert sum(band.parts.values()) == pytest.approx(band.felt_ms, abs=0.5)
    assert band.said["redis"] >= 900
    assert band.parts["app_loop"] >= 900
    assert sum(moved(band.parts, band.said).values()) == pytest.approx(0, abs=0.5)


def test_a_wait_that_counts_to_the_loops_is_said_in_figure_table_list_and_cause(late):
    verdict = judge(late)
    waited = milliseconds(round(slowest(verdict).said["redis"], 1))
    drawn = draw_slowest(verdict.bands)
    assert "while waiting for the Redis pool" in drawn.title
    assert f"slowest 1% of {PURCHASE}, the app reports {waited} as waiting for the" in drawn.caption
    assert WHY_MOVED in drawn.caption
    assert "Here this is counted as the app's event loops (" in drawn.caption
    line = slow_lists(late, verdict, LogLines({}))[0].requests[0]
    assert "in the app's event loops" in line.mostly
    assert "of it while waiting for the Redis pool" in line.mostly
    assert "passed in waiting for the Redis pool" in verdict.cause
    table = parts_tables(verdict)[0]
    assert table.columns[1] == ("Slowest 1%, as answers say it (Server-Timing)", "number")
    rows = {row[0].text: row for row in table.rows}
    assert rows["The Redis pool"][1].text == waited
    assert number(rows["The app's event loops"][2].text) >= 900


def test_every_column_of_the_table_adds_up_to_its_foot(late, healthy):
    for evidence in (late, healthy):
        table = parts_tables(judge(evidence))[0]
        for place, (head, _) in enumerate(table.columns):
            if "request" in head or "answers" in head:
                parts = [number(row[place].text) for row in table.rows]
                assert sum(parts) == pytest.approx(number(table.foot[place].text), abs=0.4)


def test_where_nothing_was_moved_nothing_is_said(healthy):
    verdict = judge(healthy)
    band = slowest(verdict)
    assert band.said
    assert moved_words(band) == ""
    drawn = draw_slowest(verdict.bands)
    assert "the app reports" not in drawn.caption
    assert "as the answers say it" not in drawn.caption
    table = parts_tables(verdict)[0]
    assert not any("answers" in head for head, _ in table.columns)
    assert "while waiting" not in slow_lists(healthy, verdict, LogLines({}))[0].requests[0].mostly


def test_the_figure_has_a_bar_of_either_way_where_they_differ(late, healthy, monkeypatch):
    drawn = []
    monkeypatch.setattr(figure, "draw_stacks", lambda *sheet: drawn.append(sheet[-2:]))
    for evidence in (late, healthy):
        draw_slowest(judge(evidence).bands)
    (legend, bars), (_, plain) = drawn
    assert [each.label for each in bars][:2] == ["slowest 1%", "as its answers say it"]
    assert sum(bars[0].parts) == pytest.approx(sum(bars[1].parts), rel=0.01)
    assert "The Redis pool" in [each.text for each in legend]
    assert [each.label for each in plain] == ["slowest 1%", "slowest 10%", "all"]


def test_a_pool_s_own_wait_stays_the_pool_s_and_is_not_told_twice(evidence_of):
    evidence = evidence_of(pool_exhausted=True)
    finding = cause_of(slowed(evidence, waited_for="postgres", pool=900))
    assert finding.bottleneck.resource == "postgres"
    assert "passed in waiting" not in finding.cause


def test_without_an_answer_that_says_it_there_is_no_second_way(evidence_of):
    evidence = evidence_of()
    requests = evidence.requests.copy()
    mine = requests["step"] == PURCHASE
    requests["outcome"] = requests["outcome"].astype("object").mask(mine, "unknown")
    requests["status"] = requests["status"].mask(mine, 0)
    requests["done_ns"] = requests["done_ns"].mask(mine, requests["intended_ns"] + 10 * SECOND)
    for part in PARTS:
        requests[f"{part}_us"] = requests[f"{part}_us"].mask(mine)
    verdict = judge(dataclasses.replace(evidence, requests=requests))
    assert all(band.said == {} for band in verdict.bands if band.step == PURCHASE)
    assert not any("answers" in head for head, _ in parts_tables(verdict)[0].columns)


def test_what_answers_say_is_the_same_however_many_are_read_at_a_time(late, monkeypatch):
    places = np.flatnonzero((late.requests["step"] == PURCHASE).to_numpy(dtype=bool))
    whole = said_means(late, places)
    monkeypatch.setattr(server_timing, "AT_ONCE", 7)
    assert said_means(late, places) == pytest.approx(whole)
    assert said_means(late, places[:0]) == {}


def test_what_one_part_lies_within_another_is_counted_once(healthy):
    requests = healthy.requests.copy()
    requests["db_us"] = requests["app_us"]
    requests["pool_us"] = requests["app_us"]
    evidence = dataclasses.replace(healthy, requests=requests)
    places = np.arange(200)
    felt = evidence.latency.within(places)["felt_ms"].to_numpy()
    parts = said_parts(evidence, places)
    known = ~np.isnan(felt)
    assert parts.sum(axis="columns").to_numpy()[known] == pytest.approx(felt[known])
    assert parts["database"].max() == pytest.approx(0, abs=1e-9)


def band(parts, said):
    felt_ms = sum(parts.values())
    return Band(step="buy", band="slowest 1%", requests=9, felt_ms=felt_ms, parts=parts, said=said)


def test_the_amounts_that_were_moved_can_be_added_up():
    shown = moved_words(
        band({"app_loop": 1000.0, "rest": 2.0}, {"app_loop": 200.0, "redis": 800.0, "rest": 2.0})
    )
    assert shown == (
        "On average over the slowest 1% of buy, the app reports 800 ms as waiting for the Redis "
        "pool. Here this is counted as the app's event loops (800 ms)."
    )
    assert moved_words(band({"redis": 800.0}, {"redis": 799.5, "rest": 0.5})) == ""


@pytest.mark.parametrize(
    ("parts", "said", "words"),
    [
        pytest.param(
            {"lock_wait": 90.0, "rest": 10.0},
            {"postgres": 90.0, "rest": 10.0},
            "90 ms of it while waiting for the PostgreSQL pool",
            id="all of it went there",
        ),
        pytest.param(
            {"lock_wait": 70.0, "database": 20.0},
            {"postgres": 90.0},
            "at least 70 ms of it while waiting for the PostgreSQL pool",
            id="some went elsewhere, so it is a lower bound",
        ),
        pytest.param({"app_loop": 90.0}, {"app_loop": 60.0, "redis": 30.0}, None, id="a third"),
        pytest.param({"redis": 90.0}, {"redis": 90.0}, None, id="the pool's own"),
        pytest.param({"app_loop": 90.0}, {"app_code": 90.0}, None, id="no pool"),
        pytest.param({"app_loop": 90.0}, {}, None, id="no answer says it"),
    ],
)
def test_a_pool_is_named_only_where_most_of_the_largest_part_was_its_wait(parts, said, words):
    found = within(parts, said)
    assert (found.words if found else None) == words
