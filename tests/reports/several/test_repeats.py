"""Repeats say what held in how many runs and how far numbers spread; the worst run decides."""

import html
import json
import re

import pytest

from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.reports.several.repeats import repeats_of, write_repeats
from tests.steps import LOGIN, PURCHASE

P99 = f"latency_ms[{PURCHASE}].p99"
SMALL = {"students": 60, "tickets": 20}


@pytest.fixture
def judged(verdict_of):
    """Three runs of one plan, each with p99 of buying as told: `judged(("pass", 100.0), …)`."""
    verdict = verdict_of(**SMALL, gates=[(P99, "<= 3s")])

    def build(*runs):
        return [
            (2026 + number, _changed(verdict, f"run-{number}", word, p99))
            for number, (word, p99) in enumerate(runs)
        ]

    return build


def _changed(verdict, run, word, p99):
    own = verdict.latency_ms | {
        PURCHASE: verdict.latency_ms[PURCHASE].model_copy(update={"p99": p99})
    }
    status = "inconclusive" if p99 is None else "fail" if p99 > 3_000 else "pass"
    gates = tuple(
        gate.model_copy(update={"value": p99, "status": status}) if gate.metric == P99 else gate
        for gate in verdict.gates
    )
    update = {"run": run, "verdict": word, "reasons": (f"Because {run}.",), "latency_ms": own}
    return verdict.model_copy(update=update | {"gates": gates})


@pytest.mark.parametrize(
    ("words", "planned", "worst", "code", "sentence"),
    [
        (["pass", "pass", "pass"], 3, "pass", 0, "Held in 3 of 3."),
        (["pass", "inconclusive"], 2, "inconclusive", 3, "Held in 1 of 2; 1 decided nothing."),
        (
            ["inconclusive", "fail", "pass"],
            3,
            "fail",
            99,
            "Held in 1 of 3; 1 failed, 1 decided nothing.",
        ),
        (["pass", "pass"], 3, "inconclusive", 3, "Held in 2 of 3; 1 has no verdict."),
        (["fail"], 5, "fail", 99, "Held in 0 of 5; 1 failed, 4 have no verdict."),
    ],
)
def test_the_worst_run_decides(judged, words, planned, worst, code, sentence):
    repeats = repeats_of(judged(*((word, 100.0) for word in words)), planned)
    assert (repeats.verdict, repeats.exit_code, repeats.sentence) == (worst, code, sentence)


def test_a_gated_number_has_its_median_its_range_and_how_often_it_held(judged):
    runs = judged(("pass", 900.0), ("fail", 3_200.0), ("pass", 1_000.5))
    numbers = {(each.metric, each.limit): each for each in repeats_of(runs, 3).numbers}
    buying = numbers[P99, "<= 3s"]
    assert (buying.held, buying.measured) == (2, 3)
    assert (buying.median, buying.least, buying.most) == (1000.5, 900.0, 3_200.0)
    assert numbers["audit.oversold", "== 0"].held == 3
    assert numbers["census.failed", "<= 1%"].most == 0


def test_p99_of_every_step_is_there_once(judged):
    metrics = [each.metric for each in repeats_of(judged(("pass", 900.0)), 1).numbers]
    assert metrics.count(P99) == 1
    assert metrics.count(f"latency_ms[{LOGIN}].p99") == 1
    assert "latency_ms[POST /gate/scan].p99" not in metrics, "nobody took that step"


def test_what_not_every_run_measured_says_of_how_many_it_is(judged):
    runs = judged(("pass", 900.0), ("inconclusive", None), ("pass", 1_000.0))
    text = repeats_of(runs, 3).markdown()
    assert re.search(r"\.p99 \| <= 3s \| 2 of 3 \| 950 ms \(of 2\) \| 900 ms \| 1,000 ms \|", text)


def test_a_limit_that_had_nothing_to_decide_in_a_run_is_told_of_the_others(judged):
    """Such as a counter of the audit that does not apply where nobody was scanned."""
    runs = judged(("pass", 900.0), ("pass", 950.0), ("pass", 1_000.0))
    seed, first = runs[0]
    gates = tuple(gate for gate in first.gates if gate.metric != "audit.oversold")
    runs[0] = seed, first.model_copy(update={"gates": gates})
    text = repeats_of(runs, 3).markdown()
    assert re.search(r"audit\.oversold \| == 0 \| 2 of 2 \| 0 \(of 2\) \| 0 \| 0 \|", text)


def test_the_interval_of_one_run_is_told_apart_from_how_runs_differ(judged):
    repeats = repeats_of(judged(("pass", 900.0), ("pass", 1_000.0)), 2)
    said = "A 95% interval in a run's own report is about that run alone"
    assert said in repeats.markdown()
    assert said in html.unescape(repeats.page())


def test_what_held_and_was_the_same_in_every_run_is_a_sentence_not_a_row(judged):
    text = repeats_of(judged(("pass", 900.0), ("pass", 1_000.0)), 2).markdown()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert not any("audit" in row for row in rows)
    assert "The same in every run, and within its limit: " in text
    assert "audit.duplicate_students 0" in text


def test_what_no_run_measured_is_said_to_be_that(judged):
    text = repeats_of(judged(("inconclusive", None)), 1).markdown()
    assert re.search(r"\.p99 \| <= 3s \| 0 of 1 \| not measured \| — \| — \|", text)


def test_the_page_leads_to_every_run_s_report_and_asks_nobody_else_for_anything(judged, tmp_path):
    repeats = repeats_of(judged(("pass", 900.0), ("fail", 3_200.0)), 2)
    write_repeats(tmp_path, repeats)
    page = (tmp_path / "repeats.html").read_text()
    for run in ("run-0", "run-1"):
        assert f'<a href="{run}/report.html">{run}</a>' in page
        assert f"Because {run}." in page
    assert "Held in 1 of 2; 1 failed." in page
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert json.loads((tmp_path / "repeats.json").read_text())["held"] == 1
    assert (tmp_path / "repeats.md").read_text().startswith("# ❌ synthetic: Held in 1 of 2")


def test_the_same_verdicts_give_the_same_bytes_and_no_text_breaks_out(judged, tmp_path):
    ((seed, verdict),) = judged(("fail", 900.0))
    odd = verdict.model_copy(update={"reasons": ("<script>|`x`",)})
    repeats = repeats_of([(seed, odd)], 1)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_repeats(tmp_path / folder, repeats)
    for name in ("repeats.html", "repeats.md", "repeats.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert "<script>|" not in (tmp_path / "a" / "repeats.html").read_text()
    assert "<script>" not in (tmp_path / "a" / "repeats.md").read_text()


def test_a_page_that_cannot_be_written_is_a_sentence(judged, tmp_path):
    with pytest.raises(RunDirectoryUnusableError, match="cannot be written"):
        write_repeats(tmp_path / "gone", repeats_of(judged(("pass", 900.0)), 1))


def test_a_lower_bound_is_called_one_and_is_no_constant(judged):
    def given_up(verdict):
        gates = tuple(
            gate.model_copy(update={"given_up": 0.5, "status": "pass"})
            if gate.metric == P99
            else gate
            for gate in verdict.gates
        )
        return verdict.model_copy(update={"gates": gates})

    runs = judged(("pass", 900.0), ("pass", 950.0), ("pass", 980.0))
    bound = [(seed, given_up(verdict) if seed == 2027 else verdict) for seed, verdict in runs]
    numbers = {(each.metric, each.limit): each for each in repeats_of(bound, 3).numbers}
    assert numbers[P99, "<= 3s"].at_least == ("median", "most")
    (row,) = (line for line in repeats_of(bound, 3).markdown().splitlines() if "3s" in line)
    assert "| at least 950 ms | 900 ms | at least 980 ms |" in row
    assert "at least 950 ms" in repeats_of(bound, 3).page()
    alike = judged(("pass", 900.0), ("pass", 900.0))
    assert P99 in repeats_of(alike, 2).constants
    assert P99 not in repeats_of([(seed, given_up(own)) for seed, own in alike], 2).constants


def test_a_p99_that_no_gate_limits_is_a_bound_by_the_runs_own_count(judged):
    runs = judged(("pass", 900.0))
    own = runs[0][1]
    waited = own.latency_ms[LOGIN]
    cut = waited.model_copy(update={"given_up": waited.count, "failed": waited.count})
    changed = own.model_copy(update={"latency_ms": own.latency_ms | {LOGIN: cut}})
    (number,) = (
        each
        for each in repeats_of([(1, changed)], 1).numbers
        if each.metric == f"latency_ms[{LOGIN}].p99"
    )
    assert number.at_least == ("median", "least", "most")
