"""A whole rehearsal through the command line: a sound sale passes, and every number is there."""

import json
import re
import shutil

import pandas as pd
import pytest

from dress_rehearsal.records import RunDirectory, tables
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.verdict import judge

pytestmark = [pytest.mark.rehearsal, pytest.mark.xdist_group("a sound sale")]


def test_a_sound_sale_passes(passed):
    assert passed.exit_code == 0, passed.output()
    assert passed.verdict["verdict"] == "pass"


def test_the_census_adds_up_and_every_ticket_is_in_both_stores(passed):
    census = passed.verdict["census"]
    assert sum(n for state, n in census.items() if state != "students") == census["students"] == 120
    ledger = passed.run.ledger_table().to_pandas()
    assert ledger.groupby("source", observed=True).ticket.nunique().to_dict() == {
        "postgres": 30,
        "redis": 30,
    }
    assert census["ticket"] == 30


def test_nobody_was_wronged(passed):
    audit = passed.verdict["audit"]
    counted = {name: value for name, value in audit.items() if name != "settle_ms"}
    assert {name for name, value in counted.items() if value} == set()
    unasked = {"double_entry", "lost_entries", "refused_entry"}
    unasked |= {"early_admissions", "false_not_admitted", "lost_places", "false_place"}
    assert {name for name, value in counted.items() if value is None} == unasked


def test_the_server_s_own_counter_equals_the_record_to_the_request(passed):
    metrics = passed.run.metric_table().to_pandas()
    counter = metrics[metrics.name == "http_server_requests_total"]
    series = counter.groupby(["source", "labels"], observed=True).value
    # A series that is not there at the first scrape began at zero.
    first_scrape = counter.groupby("source", observed=True).t_ns.transform("min")
    at_start = counter[counter.t_ns == first_scrape].set_index(["source", "labels"]).value
    served = series.last() - at_start.reindex(series.last().index).fillna(0)
    frame = served.reset_index()
    labels = pd.DataFrame([json.loads(text) for text in frame.labels])
    frame["step"] = labels.method + " " + labels.route
    requests = passed.run.request_table().to_pandas()
    recorded = requests[requests.status > 0].groupby("step", observed=True).size()
    counted = frame.groupby("step").value.sum()
    # What a student dropped while waiting may have been answered all the same.
    dropped = requests[requests.outcome == "unknown"].groupby("step", observed=True).size()
    for step in recorded.index:
        assert 0 <= counted[step] - recorded[step] <= dropped.get(step, 0), step
    assert len(recorded) == 6


def test_a_run_is_judged_anywhere_from_its_files_alone_to_the_same_bytes(passed, tmp_path):
    moved = tmp_path / passed.run.path.name
    shutil.copytree(passed.run.path, moved)
    for derived in ("verdict.json", "report.html"):
        (moved / derived).unlink()
    assert main(["report", str(moved)]) == 0
    for derived in ("verdict.json", "report.html"):
        assert (moved / derived).read_bytes() == (passed.run.path / derived).read_bytes()


def test_nothing_is_left_running(passed):
    passed.await_nothing_left(5)


def test_how_fast_the_machine_was_is_kept_from_before_and_after_it(passed):
    took = passed.run.environment()["calculation_ms"]
    assert all(0 < took[when]["best"] <= took[when]["median"] for when in ("before", "after"))
    assert "a fixed calculation took" in (passed.run.path / "report.html").read_text()


def test_the_run_directory_is_complete_and_holds_no_secrets(passed):
    run = passed.run.path
    for name in ("plan.toml", "environment.json", "timeline.jsonl", "students.parquet"):
        assert (run / name).stat().st_size > 0
    for name in ("ledger.parquet", "verdict.json", "summary.md", "junit.xml", "report.html"):
        assert (run / name).stat().st_size > 0
    text = "".join(
        path.read_text(errors="replace")
        for path in run.rglob("*")
        if path.suffix in (".jsonl", ".log", ".md", ".html", ".json", ".toml", ".xml")
    )
    assert not re.search(r"\bS\d{7}\b", text), "a student number"
    assert not re.search(r"eyJ[\w-]{10,}\.", text), "a session token"


def test_the_server_that_was_its_redis_is_recorded(passed):
    assert passed.run.environment()["redis_server"].startswith(("Valkey ", "Redis "))


def test_the_numbers_are_sound(passed):
    requests = passed.run.request_table().to_pandas()
    answered = requests[requests.status > 0]
    assert (answered.intended_ns <= answered.sent_ns).all()
    assert (answered.sent_ns <= answered.first_byte_ns).all()
    assert (answered.first_byte_ns <= answered.done_ns).all()
    assert (answered.done_ns <= answered.read_ns).all()
    assert answered.app_us.notna().all()
    assert (
        requests.groupby("student")
        .seq.apply(lambda seq: sorted(seq) == list(range(len(seq))))
        .all()
    )


def test_a_duplicated_ledger_row_is_caught(passed, tmp_path):
    verdict = _with_ledger(passed, tmp_path, lambda rows: pd.concat([rows, rows.head(1)]))
    assert verdict.exit_code == 99
    assert verdict.audit.duplicate_students == 1


def test_a_missing_ledger_row_is_caught(passed, tmp_path):
    def lose_one(rows):
        postgres = rows[rows.source == "postgres"]
        return rows.drop(postgres.index[7])

    verdict = _with_ledger(passed, tmp_path, lose_one)
    assert verdict.exit_code == 99
    assert verdict.audit.acked_but_missing == 1
    assert verdict.audit.store_drift == 1


def _with_ledger(passed, tmp_path, change):
    import pyarrow as pa

    run = RunDirectory(tmp_path / passed.run.path.name)
    shutil.copytree(passed.run.path, run.path)
    rows = change(run.ledger_table().to_pandas())
    run.write_table(
        "ledger.parquet", pa.Table.from_pandas(rows, tables.LEDGER, preserve_index=False)
    )
    return judge(read_evidence(run))
