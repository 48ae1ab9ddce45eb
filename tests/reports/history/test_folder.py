"""A history is a file a run, written whole, once; what is foreign is named and left out."""

import json
from datetime import UTC

import pytest

from dress_rehearsal.plans import PlanError
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.reports.alike import plan_digest
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.history.entry import LABEL, MACHINE_SPEED, entry_of, metric_of
from dress_rehearsal.reports.history.folder import entry_in, read_history, remember
from dress_rehearsal.reports.report import write_report
from dress_rehearsal.reports.verdict import judge
from tests.steps import PURCHASE

SMALL = {"students": 60, "tickets": 20}


@pytest.mark.slow
def test_an_entry_has_what_is_followed(build_run, undrawn):
    run = build_run(**SMALL, gates=[(f"latency_ms[{PURCHASE}].p99", "<= 3s")])
    verdict = write_report(run)
    entry = entry_in(run)
    purchase = verdict.latency_ms[PURCHASE]
    assert entry.numbers[f"latency_ms[{PURCHASE}].p99"] == purchase.p99
    assert entry.numbers["census.ticket"] == verdict.census.ticket
    assert entry.numbers["audit.oversold"] == 0
    assert entry.numbers["sale.tickets_per_s"] == verdict.sale.tickets_per_s
    assert not set(verdict.not_applicable) & {name.rpartition(".")[2] for name in entry.numbers}
    assert entry.when.timestamp() == read_evidence(run).t0_ns // 10**9
    assert (entry.run, entry.plan, entry.verdict) == (run.id, verdict.plan, verdict.verdict)


@pytest.mark.slow
def test_a_run_without_a_verdict_is_judged(build_run):
    run = build_run(**SMALL, oversell=3)
    assert entry_in(run).numbers["audit.oversold"] == 3


@pytest.mark.slow
def test_which_build_it_is_is_what_was_said_first_or_what_is_said_now(build_run):
    run = build_run(**SMALL)
    facts = {**run.environment(), LABEL: "v1.2"}
    run.write_json("environment.json", facts)
    assert entry_in(run).build == "v1.2"
    assert entry_in(run, "v1.3").build == "v1.3"


def test_the_digest_of_a_plan_is_of_what_is_rehearsed(build_run):
    plan = build_run(**SMALL).plan()
    digest = plan_digest(plan)
    alike = plan.model_copy(update={"seed": 7, "gates": ()})
    other = plan.model_copy(update={"event": plan.event.model_copy(update={"tickets": 5})})
    assert plan_digest(alike) == digest
    assert plan_digest(other) != digest
    assert plan_digest(plan, "its scenario") != digest


def test_what_is_kept_comes_back_in_the_order_of_the_runs_and_once(entries, tmp_path):
    runs = entries([100.0, 101.0, 102.0])
    for each in (*runs[::-1], runs[1]):
        remember(tmp_path / "new" / "history", each)
    found, remarks = read_history(tmp_path / "new" / "history")
    assert (found, remarks) == (runs, [])
    assert len(list((tmp_path / "new" / "history").iterdir())) == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.json", lambda text: text[: len(text) // 2]),
        ("foreign.json", lambda _: '{"name": "package", "version": 1}'),
        ("later.json", lambda text: text.replace('"schema": 1', '"schema": 2')),
        ("renamed.json", lambda text: text),
        ("nan.json", lambda text: text.replace("101.0", "NaN")),
        ("infinite.json", lambda text: text.replace("101.0", "-Infinity")),
        ("endless.json", lambda text: text.replace("101.0", "1" * 400)),
        ("vast.json", lambda text: text.replace("101.0", "1e301")),
        ("zoneless.json", lambda text: text.replace("12:00:00Z", "12:00:00")),
        ("ancient.json", lambda text: text.replace("2026-11-02T", "0001-01-01T")),
        ("binary.json", lambda _: "\x00\xff"),
        ("large.json", lambda _: " " * (2**20 + 1)),
    ],
)
def test_a_damaged_or_foreign_file_is_named_and_left_out(entries, tmp_path, name, content):
    first, second = entries([100.0, 101.0])
    remember(tmp_path, first)
    odd = content(second.text())
    assert odd != second.text() or name == "renamed.json"
    (tmp_path / name).write_text(odd)
    found, (remark,) = read_history(tmp_path)
    assert found == [first]
    assert remark.startswith(f"{tmp_path / name} is left out: ")


def test_what_is_no_file_is_left_out_and_many_remarks_are_counted(entries, tmp_path):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "README.md").write_text("what this is")
    for number in range(30):
        (tmp_path / f"{number}.json").write_text("{}")
    found, remarks = read_history(tmp_path)
    assert found == []
    assert len(remarks) == 21
    assert remarks[-1] == "11 more files are left out."


def test_no_folder_is_a_sentence(tmp_path):
    with pytest.raises(PlanError, match="is no history: it is not there"):
        read_history(tmp_path / "gone")


def test_what_cannot_be_written_is_a_sentence_and_leaves_nothing(entries, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryUnusableError, match="The run is not in the history"):
        remember(tmp_path / "file", entries([1.0])[0])


def test_a_name_that_leads_elsewhere_is_no_entry(entries, tmp_path):
    document = json.loads(entries([1.0])[0].text())
    (tmp_path / "odd.json").write_text(json.dumps({**document, "run": "../odd"}))
    assert read_history(tmp_path)[0] == []


def test_a_run_of_a_folder_that_was_renamed_still_has_a_time(build_run):
    run = build_run(**SMALL)
    moved = run.path.rename(run.path.with_name("kept"))
    (moved / "timeline.jsonl").write_text("")
    assert entry_in(RunDirectory.open(moved)).when.year == 1970


def test_an_instant_of_another_zone_is_told_in_utc(entries, tmp_path):
    (own,) = entries([1.0])
    text = own.text().replace("2026-11-01T12:00:00Z", "2026-11-01T21:00:00+09:00")
    (tmp_path / f"{own.run}.json").write_text(text)
    (found,) = read_history(tmp_path)[0]
    assert found == own
    assert found.when.tzinfo is UTC


def test_an_entry_has_how_fast_the_machine_was_where_that_was_measured(build_run):
    run = build_run(**SMALL)
    verdict = judge(read_evidence(run))
    took = {"before": {"best": 18.0, "median": 20.0}, "after": {"best": 19.0, "median": 41.0}}
    entry = entry_of(verdict, run.plan(), {"calculation_ms": took}, None)
    assert entry.numbers[MACHINE_SPEED] == 30.5
    assert MACHINE_SPEED not in entry_of(verdict, run.plan(), {}, None).numbers


def test_a_number_that_no_entry_can_hold_is_as_if_not_measured(build_run):
    run = build_run(**SMALL)
    verdict = judge(read_evidence(run))
    sale = verdict.sale.model_copy(update={"tickets_per_s": float("inf")})
    census = verdict.census.model_copy(update={"ticket": 10**400})
    odd = verdict.model_copy(update={"sale": sale, "census": census})
    numbers = entry_of(odd, run.plan(), {}, 10**30).numbers
    assert (numbers["sale.tickets_per_s"], numbers["census.ticket"]) == (None, None)
    assert numbers["census.students"] == verdict.census.students


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("latency_ms[POST /login].p99 in T+0s..T+10s", "latency_ms[POST /login].p99"),
        ("latency_ms[log in page].p99", "latency_ms[log in page].p99"),
        ("latency_ms[log in page].p99 in T+0s..T+10s", "latency_ms[log in page].p99"),
        ("census.failed in ..T+10s", "census.failed"),
        ("census.failed", "census.failed"),
    ],
)
def test_the_metric_of_a_number_is_without_its_window(name, metric):
    assert metric_of(name) == metric
