"""The summary shows the verdict's own numbers in fifteen lines, and no text breaks out of it."""

import dataclasses
import re

import pytest

from dress_rehearsal.records.timeline import ABORTED
from dress_rehearsal.reports.markdown import escaped
from dress_rehearsal.reports.summary import leading_gates, write_summary
from dress_rehearsal.reports.trust.belief import STANDS, stands_words
from dress_rehearsal.reports.verdict import judge
from dress_rehearsal.reports.words import TEST_MACHINE, UNTOLD, milliseconds

pytestmark = pytest.mark.slow

SMALL = {"students": 200, "tickets": 60}
MANY = [(f"census.{word}", "<= 50%") for word in ("gave_up", "refused", "sold_out", "ticket")]


@pytest.fixture
def summary_of(verdict_of):
    """Return the summary of a synthetic run."""

    def summary(**arguments):
        return write_summary(verdict_of(**SMALL, **arguments))

    return summary


@pytest.mark.parametrize(
    "defects",
    [
        {},
        {"oversell": 3, "failed": 9, "never_started": 1, "gates": MANY},
        {"cpu_full": True, "faults": [("leak", 0, 2)], "alerts": 60},
        {"foreign_cores": 1.5, "slow_ms": 900},
        {"without": ["requests", "students", "metrics", "timeline", "environment", "ledger"]},
    ],
)
def test_it_has_at_most_fifteen_lines_with_the_cause_the_gates_and_the_page(summary_of, defects):
    said = summary_of(**defects)
    assert len(said.splitlines()) <= 15
    assert said.count("\n- Cause of ") == 1
    assert said.count("\n- Run: ") == 1
    assert said.count("\n- Can it be believed? ") == 1
    assert said.count("[The page](report.html) of `") == 1


def test_it_begins_with_the_gravest_sentence_and_says_how_many_more_there_are(summary_of):
    lines = summary_of(oversell=3, never_started=1).splitlines()
    assert lines[0] == "# ❌ It does not hold: synthetic"
    assert lines[2].startswith("- Oversold: 63 tickets were granted for 60 places. (And ")
    assert lines[2].endswith(" more: see the page.)")
    assert "(And" not in summary_of()


def test_it_shows_the_gates_own_numbers_and_counts_the_others(summary_of):
    text = summary_of(failed=2, gates=[("census.failed", "<= 0.1%")])
    assert "| ❌ census.failed | <= 0.1% | 2 of 200 students (1%) | fail |" in text
    assert re.search(r"; \d+ more gates, all on correctness: all of them hold\.", text)


def test_broken_gates_come_first_then_undecided_ones_then_the_plans_own(verdict_of):
    verdict = verdict_of(**SMALL, oversell=3, failed=9, gates=MANY)
    leading = leading_gates(verdict.gates)
    assert len(leading) == 5
    ranks = [("fail", "inconclusive", "pass").index(gate.status) for gate in leading]
    assert ranks == sorted(ranks)
    assert {"audit.oversold", "census.failed"} <= {gate.metric for gate in leading}
    held = leading_gates(verdict_of(**SMALL).gates)
    assert not any(gate.metric.startswith("audit.") for gate in held)


def test_it_says_whether_the_measurement_can_be_believed(summary_of):
    sound = summary_of()
    assert "- Can it be believed? yes: 100% of the clicks at T-0 left in time; " in sound
    doubted = summary_of(foreign_cores=1.5)
    assert "- Can it be believed? not wholly" in doubted
    assert STANDS not in doubted
    wronged = summary_of(foreign_cores=1.5, oversell=2)
    assert f" {STANDS}" in wronged


def test_it_says_of_no_failure_that_it_stands_which_others_may_have_made(summary_of, evidence_of):
    """Nobody counted what others took, or the rush was stopped: neither is excused by it."""
    slow = [("latency_ms[POST /events/{event}/tickets].p99", "< 1 ms")]
    uncounted = {"without_metrics": ["machine_foreign_cpu"]}
    broken = summary_of(gates=slow, **uncounted)
    assert "❌" in broken and "- Can it be believed? not wholly" in broken
    assert STANDS not in broken
    assert STANDS in summary_of(gates=slow, oversell=2, **uncounted)

    evidence = evidence_of(**SMALL, foreign_cores=1.5)
    at_ns = evidence.t0_ns + 10**9
    harm = dataclasses.replace(evidence.events[0], t_ns=at_ns, kind="abort", name=ABORTED)
    stopped = judge(dataclasses.replace(evidence, events=(*evidence.events, harm)))
    assert stopped.failures == ("aborted",)
    assert stopped.belief.startswith("not wholly")
    assert STANDS not in stopped.belief


def test_a_failure_that_stands_is_told_with_its_own_number(verdict_of):
    """By what the doubt cannot have done: in the system's part is no late send."""
    limit = [("latency_ms[POST /events/{event}/tickets].p99", "< 1 ms")]
    verdict = verdict_of(**SMALL, gates=limit)
    own_ms = verdict.latency_ms["POST /events/{event}/tickets"].system_p99
    said = stands_words({"late_sends"}, verdict.gates, verdict.latency_ms)
    assert said == (
        f"Without the late sends it would fail as well (latency_ms[POST /events/{{event}}/tickets]"
        f".p99: the system's part is {milliseconds(own_ms)}, the limit < 1 ms). Limits that only "
        f"the late sends may have broken are undecided."
    )
    passed = [gate for gate in verdict.gates if gate.status == "pass"]
    said = stands_words({"late_sends", "steal"}, passed, verdict.latency_ms)
    assert said.startswith("Without this it would fail as well. Limits that only this may ")


def test_every_row_of_the_table_has_as_many_cells_as_its_head(summary_of):
    (table,) = re.findall(r"(?:^\|.*\|\n)+", summary_of(cpu_full=True), re.MULTILINE)
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("<script>&", "&lt;script&gt;&amp;"),
        ("@everyone", "&#64;everyone"),
        ("two\nlines", "two lines"),
        ("[link](x) `c` *b*", r"\[link\](x) `c` \*b\*"),
    ],
)
def test_text_cannot_break_out_of_the_summary(text, shown):
    assert escaped(text) == shown


def test_whose_doing_it_was_is_told_where_the_lines_suffice(verdict_of):
    verdict = verdict_of(**SMALL, gates=MANY).model_copy(update={"app_or_machine": "The app: so."})
    few = verdict.model_copy(update={"gates": verdict.gates[:1]})
    assert "\n- App or test machine? The app: so.\n" in write_summary(few)
    many = verdict.model_copy(update={"gates": verdict.gates[:1] * 9})
    many = many.model_copy(
        update={"gates": [each.model_copy(update={"status": "fail"}) for each in many.gates]}
    )
    assert "App or test machine?" not in write_summary(many)
    assert len(write_summary(many).splitlines()) == 15


def test_a_failure_by_times_is_told_with_the_machine_that_may_have_made_it(verdict_of):
    """ "It does not hold" stood beside "App or test machine? Cannot be told"."""
    slow = [("latency_ms[POST /events/{event}/tickets].p99", "< 1 ms")]
    untold = f"{UNTOLD}: of 2 cores, all busy, the app had 1.00 and the rehearsal itself 0.72."

    def headed(told, **defects):
        verdict = verdict_of(**SMALL, **defects).model_copy(update={"app_or_machine": told})
        return write_summary(verdict).splitlines()[0].removesuffix(": synthetic")

    late = "# ❌ It does not hold"
    assert headed(untold, gates=slow) == f"{late} on this machine, shared with the test"
    assert headed(f"{UNTOLD}: all busy.", gates=slow) == f"{late} as tested from this machine"
    machine = f"{TEST_MACHINE} they waited to be sent."
    assert headed(machine, gates=slow) == f"{late} as tested from this machine"
    for told in ("", "The app: of 2 cores, all busy, the app had 1.98.", "Not the test machine's."):
        assert headed(told, gates=slow) == late
    assert headed(untold, gates=slow, oversell=2) == late, "no machine sells too many"
    gave_up = verdict_of(**SMALL, failed=30).model_copy(update={"app_or_machine": untold})
    assert write_summary(gave_up).startswith(f"{late} on this machine")
    for word in ("overtaken", "unanswered", "unsold", "aborted", "load"):
        otherwise = gave_up.model_copy(update={"failures": ("gates", word)})
        assert write_summary(otherwise).splitlines()[0].startswith(f"{late}:"), word
    assert headed(untold) == "# ✅ It held"
