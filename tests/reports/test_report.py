"""A report is written from a run's files alone, the same every time, for people and for CI."""

import json
import re
from xml.etree import ElementTree as ET

import pytest

from dress_rehearsal.records.errors import RunDirectoryUnreadableError, RunDirectoryUnusableError
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.junit import write_junit
from dress_rehearsal.reports.reconciliation import reconcile
from dress_rehearsal.reports.report import write_report
from dress_rehearsal.reports.samples import Samples
from dress_rehearsal.reports.summary import escaped, write_summary
from dress_rehearsal.reports.timeline import mishaps_of
from dress_rehearsal.reports.verdict import judge

SMALL = {"students": 200, "tickets": 60}
WRITTEN = ("verdict.json", "summary.md", "junit.xml")


def summary_of(evidence):
    counts = reconcile(evidence, Samples(evidence.metrics))
    return write_summary(judge(evidence), counts, mishaps_of(evidence))


def test_a_report_is_the_same_every_time(build_run, monkeypatch):
    monkeypatch.setattr(
        "dress_rehearsal.reports.report.write_page", lambda *_: None
    )  # test_page's claim
    run = build_run(**SMALL, oversell=2)
    verdict = write_report(run)
    once = {name: (run.path / name).read_bytes() for name in WRITTEN}
    run.stamp("phase", "judged")  # what the conductor adds afterwards changes nothing
    assert write_report(run) == verdict
    assert {name: (run.path / name).read_bytes() for name in WRITTEN} == once
    assert json.loads(once["verdict.json"]) == verdict.document()


def test_a_killed_run_is_reported_without_a_traceback(build_run):
    run = build_run(**SMALL, killed=True)
    assert write_report(run).exit_code == 3
    assert (run.path / "report.html").is_file()


def test_a_run_copied_without_its_figures_folder_gets_one(build_run):
    run = build_run(**SMALL)
    run.figures.rmdir()
    assert write_report(run).exit_code == 0
    assert len(list(run.figures.glob("*.svg"))) == 5


def test_a_file_in_the_figures_place_is_a_sentence(build_run):
    run = build_run(students=10, tickets=3)
    run.figures.rmdir()
    run.figures.write_text("in the way")
    with pytest.raises(RunDirectoryUnusableError, match="remove what is in its way"):
        write_report(run)


@pytest.mark.parametrize("students", [1, 10])
def test_a_rush_of_very_few_is_drawn_without_a_warning(build_run, students):
    assert write_report(build_run(students=students, tickets=1)).exit_code == 0


def test_a_damaged_file_is_named(build_run):
    run = build_run(**SMALL)
    (run.path / "ledger.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(RunDirectoryUnreadableError, match=r"ledger\.parquet"):
        read_evidence(run)


def test_the_summary_begins_with_the_gravest_sentence(evidence_of):
    lines = summary_of(evidence_of(**SMALL, oversell=3, never_started=1)).splitlines()
    assert lines[0] == "# ❌ It does not hold: synthetic"
    assert lines[4] == "- Oversold: 63 tickets were granted for 60 places."


def test_the_summary_shows_the_gates_own_numbers(evidence_of):
    text = summary_of(evidence_of(**SMALL, failed=2, gates=[("census.failed", "<= 0.1%")]))
    assert "| ❌ census.failed | &lt;= 0.1% | 2 | fail |" in text
    assert "they agree" in text


def test_every_row_of_a_summary_table_has_as_many_cells_as_its_head(evidence_of):
    tables = re.findall(
        r"(?:^\|.*\|\n)+",
        summary_of(evidence_of(**SMALL, cpu_full=True, faults=[("leak", 0, 2)])),
        re.MULTILINE,
    )
    assert len(tables) == 8
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("<script>&", "&lt;script&gt;&amp;"),
        ("@everyone", "&#64;everyone"),
        ("two\nlines", "two lines"),
        ("[link](x) `c` *b*", r"\[link\](x) \`c\` \*b\*"),
    ],
)
def test_text_cannot_break_out_of_the_summary(text, shown):
    assert escaped(text) == shown


@pytest.mark.parametrize(
    ("defects", "failures", "errors"),
    [
        pytest.param({}, 0, 0, id="a pass"),
        pytest.param({"oversell": 1, "gates": [("census.ticket", "== 0")]}, 3, 0, id="a failure"),
        pytest.param({"store_unreadable": "postgres"}, 0, 10, id="undecided is an error"),
        pytest.param({"never_started": 1}, 0, 1, id="a doubt that is no gate"),
    ],
)
def test_ci_sees_each_gate_as_a_test(verdict_of, defects, failures, errors):
    verdict = verdict_of(**SMALL, **defects)
    suite = ET.fromstring(write_junit(verdict)).find("testsuite")
    assert (int(suite.get("failures")), int(suite.get("errors"))) == (failures, errors)
    assert int(suite.get("tests")) == len(verdict.gates) + 1 == len(suite.findall("testcase"))


def test_junit_survives_what_xml_cannot_hold(healthy_verdict):
    verdict = healthy_verdict.model_copy(
        update={"verdict": "fail", "reasons": ("a \x00 <b> \x1b[31m",)}
    )
    suite = ET.fromstring(write_junit(verdict)).find("testsuite")
    assert suite.find("testcase[last()]/failure").get("message") == "a � <b> �[31m"


def test_the_summary_lists_faults_and_alerts_and_does_not_drown_in_them(evidence_of):
    mishaps = {"faults": [("leak", 1, 3)], "undone_fault": "redis_wipe", "alerts": 60}
    said = summary_of(evidence_of(**SMALL, **mishaps))
    assert (
        "| T-0 + 1 s | fault: leak | on, 20%: a purchase keeps its PostgreSQL connection |" in said
    )
    assert "| T-0 + 3 s | fault: leak | off |" in said
    assert (
        "| T-0 + 1 s | fault: redis\\_wipe | could not be done: There is no such switch. |" in said
    )
    assert "alert: enrolment | Enrolment cannot be asked. |" in said
    assert "… and 23 more; all are in `timeline.jsonl`." in said
    assert "Faults and alerts" not in summary_of(evidence_of(**SMALL))
