"""The summary shows the verdict's own numbers, short, and no text breaks out of it."""

import re

import pytest

from dress_rehearsal.reports.markdown import escaped
from dress_rehearsal.reports.summary import write_summary

pytestmark = pytest.mark.whole_runs

SMALL = {"students": 200, "tickets": 60}


@pytest.fixture
def summary_of(evidence_of, verdict_of):
    """Return the summary of a synthetic run."""

    def summary(**arguments):
        run = {**SMALL, **arguments}
        return write_summary(evidence_of(**run), verdict_of(**run))

    return summary


def test_the_summary_begins_with_the_gravest_sentence(summary_of):
    lines = summary_of(oversell=3, never_started=1).splitlines()
    assert lines[0] == "# ❌ It does not hold: synthetic"
    assert lines[4] == "- Oversold: 63 tickets were granted for 60 places."


def test_the_summary_shows_the_gates_own_numbers(summary_of):
    text = summary_of(failed=2, gates=[("census.failed", "<= 0.1%")])
    assert "| ❌ census.failed | &lt;= 0.1% | 2 of 200 students (1%) | fail |" in text
    assert "they agree" in text


def test_what_does_not_apply_is_not_told_as_what_was_not_measured(summary_of):
    text = summary_of()
    assert "double entry, lost entries (nobody went to the entrance)" in text
    assert "| double entry |" not in text
    assert "| lost views | 0 |" in text
    assert "not measured" not in text
    unseen = summary_of(without_metrics=["event_views", "machine_foreign"])
    assert "| lost views | not measured |" in unseen
    assert "double entry, lost entries (nobody went to the entrance)" in unseen
    assert "| other programs' CPU at T-0, cores | not measured |" in unseen


def test_where_no_order_was_promised_overtaking_does_not_apply(summary_of):
    text = summary_of(plan={"event": {"order": "none"}})
    assert "| overtaken | does not apply |" in text
    assert "| multi device advantage | does not apply |" not in text
    assert "| within | 2 s |" in summary_of(), "a number has its unit, and its name none"
    set_back = summary_of(clock_step_s=-3.0)
    assert "| overtaken | not measured |" in set_back


def test_every_row_of_a_summary_table_has_as_many_cells_as_its_head(summary_of):
    tables = re.findall(
        r"(?:^\|.*\|\n)+",
        summary_of(cpu_full=True, faults=[("leak", 0, 2)]),
        re.MULTILINE,
    )
    assert len(tables) == 9
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


def test_the_summary_lists_faults_and_alerts_and_does_not_drown_in_them(summary_of):
    mishaps = {"faults": [("leak", 1, 3)], "undone_fault": "redis_wipe", "alerts": 60}
    said = summary_of(**mishaps)
    assert (
        "| T-0 + 1 s | fault: leak | on, 20%: a purchase keeps its PostgreSQL connection |" in said
    )
    assert "| T-0 + 3 s | fault: leak | off |" in said
    assert (
        "| T-0 + 1 s | fault: redis\\_wipe | could not be done: There is no such switch. |" in said
    )
    assert "alert: enrolment | Enrolment cannot be asked. |" in said
    assert "… and 23 more; all are in `timeline.jsonl`." in said
    assert "Faults and alerts" not in summary_of()


def test_the_summary_tells_the_p99_of_good_answers_only_where_some_failed(summary_of):
    assert "p99 answered well" not in summary_of()
    said = summary_of(failed=3)
    head, row = re.search(r"(\| step \|.*)\n.*\n(?:.*\n)*?(\| POST /events/.*)", said).groups()
    cells = dict(zip(head.split(" | "), row.split(" | "), strict=True))
    assert cells["failed"] == "3"
    assert cells["p99 answered well |"].endswith(" (few) |")


def test_the_summary_says_how_sure_p99_is_and_which_percentiles_say_little(summary_of):
    said = summary_of()
    assert re.search(r"\| [\d.]+ ms \(few\) \| [\d.]+ ms to [\d.]+ ms \|", said)
    assert "(few): fewer than five requests were slower" in said
    assert "about this run alone" in said
