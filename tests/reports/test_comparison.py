"""A comparison puts the verdicts' own numbers side by side and draws those that differ."""

import dataclasses
import re
from xml.etree import ElementTree as ET

import pytest

from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.reports.comparison import Compared, Comparison, audit_words, compare
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.verdict import judge

pytestmark = pytest.mark.whole_runs

BAR = re.compile(r'd="M ([\d.]+) [\d.]+L ([\d.]+) [^"]*" style="fill: #0072b2')
SMALL = {"students": 200, "tickets": 60}
ROW = Compared(
    label="off",
    verdict="pass",
    tickets=60,
    tickets_per_s=12.0,
    sold_out_s=5.0,
    purchase_p99_ms=70.0,
    pool_wait_p99_ms=1.5,
    waited_for="redis",
    wrongs="clean",
    requests=1000,
    received_mb=2.5,
    app_cpu_s=9.0,
    know_p50_ms=None,
    know_p99_ms=None,
)


def test_a_row_has_the_numbers_of_the_runs_own_verdict(build_run):
    healthy, oversold = build_run(**SMALL), build_run(**SMALL, oversell=3, allocation="naive")
    table = compare([("redis|writeback", healthy), ("naive", oversold)])
    for row, run in zip(table.rows, (healthy, oversold), strict=True):
        verdict = judge(read_evidence(run))
        assert row.verdict == verdict.verdict
        assert row.purchase_p99_ms == verdict.latency_ms["POST /events/{event}/tickets"].p99
        assert row.requests == verdict.generator.requests
        assert row.tickets == verdict.census.ticket
    assert [row.wrongs for row in table.rows] == ["clean", "oversold 3"]
    ledger = read_evidence(healthy).ledger
    granted = ledger.loc[ledger["source"] == "postgres", "granted_ns"]
    span_s = (granted.max() - granted.min()) / 1e9
    assert table.rows[0].tickets_per_s == pytest.approx(60 / span_s, abs=1e-3)
    lines = table.markdown().splitlines()
    assert len(lines) == 4
    assert "| redis\\|writeback | pass |" in lines[2]
    assert "| oversold 3 |" in lines[3]


def test_a_column_nobody_measured_is_left_out():
    other = dataclasses.replace(ROW, label="sse", know_p50_ms=34.0, know_p99_ms=181.0)
    assert "until known" not in Comparison((ROW,)).markdown()
    assert "| — | — |" in Comparison((ROW, other)).markdown()
    assert "| 34 ms | 181 ms |" in Comparison((ROW, other)).markdown()


def test_the_audit_in_words_tells_clean_from_not_audited(verdict_of):
    assert audit_words(verdict_of(**SMALL).audit) == "clean"
    assert audit_words(verdict_of(**SMALL, without=["ledger"]).audit) == "not audited"
    both = audit_words(verdict_of(**SMALL, oversell=2, lost_views=1).audit)
    assert both == "oversold 2, lost views 1"


def test_the_figure_names_least_and_most_and_is_the_same_every_time(tmp_path):
    rows = (ROW, dataclasses.replace(ROW, label="poll", requests=4000, know_p50_ms=640.0))
    for name in ("a.svg", "b.svg"):
        Comparison(rows).figure(tmp_path / name)
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    title = ET.fromstring(text).find("{http://www.w3.org/2000/svg}title")
    assert title.text == "Requests, off: 1,000 against poll: 4,000"


def test_values_that_are_numbers_are_told_from_what_was_measured(tmp_path):
    rows = [
        dataclasses.replace(ROW, label=f"students={number}", app_cpu_s=cpu_s)
        for number, cpu_s in ((60, 0.43), (120, 0.51))
    ]
    Comparison(tuple(rows)).figure(tmp_path / "n.svg")
    finding = "CPU of the app, students=60: 0.43 s against students=120: 0.51 s"
    assert f"<title>{finding}</title>" in (tmp_path / "n.svg").read_text()


def test_a_long_name_takes_no_room_from_the_bars(tmp_path):
    """It stands above its bar, and is cut where the panel ends."""
    name = "gates=" + "latency_ms " * 20
    Comparison((ROW, dataclasses.replace(ROW, label=name, requests=9000))).figure(
        tmp_path / "l.svg"
    )
    svg = (tmp_path / "l.svg").read_text()
    widths = [float(right) - float(left) for left, right in BAR.findall(svg)]
    assert max(widths) > 250
    assert name not in svg


def test_runs_that_do_not_differ_are_said_not_to(tmp_path):
    Comparison((ROW, dataclasses.replace(ROW, label="again"))).figure(tmp_path / "c.svg")
    assert "do not differ by a tenth" in (tmp_path / "c.svg").read_text()
    with pytest.raises(RunDirectoryUnusableError, match="The figure"):
        Comparison((ROW,)).figure(tmp_path / "missing" / "c.svg")
