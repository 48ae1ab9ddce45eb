"""What the page answers the evening before: who suffered, what the slowest did, what is assumed."""

import dataclasses
from typing import Any

import pytest

from dress_rehearsal.plans.sections.load import Load
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.reports.evidence import Evidence, read_evidence
from dress_rehearsal.reports.page import write_page
from dress_rehearsal.reports.verdict import judge
from tests.reports.foreign import foreign
from tests.reports.page.parsed_page import BuildRun, Page, PageOf
from tests.steps import PURCHASE

pytestmark = pytest.mark.slow

FAILING = {"failed": 12, "unknown": 5}


def shown(run: RunDirectory, evidence: Evidence) -> Page:
    """Write the page of a run of which the evidence is another than what it recorded."""
    write_page(run, evidence, judge(evidence))
    return Page((run.path / "report.html").read_text(encoding="utf-8"))


@pytest.fixture
def run(build_run: BuildRun, undrawn: None) -> RunDirectory:
    return build_run()


def test_the_first_screen_has_what_everybody_asks_first(page_of: PageOf) -> None:
    page, _, verdict = page_of(**FAILING, gates=[("census.gave_up", "<= 50%")])
    gates = page.tables["first-gates"]
    assert gates[0] == ["Metric", "Result", "Limit", "Measured", "Margin"]
    assert gates[1][:2] == ["census.failed", "fail"]
    assert gates[1][4] == "2 × the limit"
    assert 2 <= len(gates) <= 6
    assert (
        "Headroomnone here: this run fails with 600 students (one run, on this machine)"
        in page.words
    )
    assert "not searched. rehearse capacity PLAN" in page.words
    assert any(tag == "details" and "open" in own for tag, own in page.tags), "what next is open"
    assert "App or test machine?" not in page.words, "nothing was slow"
    assert "Can it be believed?yes: 100% of the clicks at T-0 left in time; " in page.words
    assert f"Run{verdict.ran}" in page.words


def test_what_a_lower_bound_is_is_told_by_the_rule(page_of: PageOf) -> None:
    """It need not fall among those that were given up: one that was cut soon may have been slow."""
    page, _, _ = page_of(**FAILING)
    assert "≥: as much as a request took that was given up " in page.words
    assert "falls among" not in page.words


def test_the_contents_lead_to_every_section_in_their_order(page_of: PageOf) -> None:
    page, _, _ = page_of(**FAILING)
    places = {str(a["id"]): n for n, (_, a) in enumerate(page.tags) if "id" in a}
    anchors = [str(a["href"])[1:] for _, a in page.tags if str(a.get("href", "")).startswith("#")]
    elsewhere = ("trust-heading", "gates-heading", "bad-ends", "counts")
    contents = [anchor for anchor in anchors if anchor not in elsewhere]
    assert [places[anchor] for anchor in contents] == sorted(places[a] for a in contents)
    headings = {str(a.get("id")) for tag, a in page.tags if tag == "h2"} - {"verdict", "None"}
    assert headings - set(anchors) <= {"server-heading"}


def test_who_suffered_is_a_row_a_group_with_a_dash_where_there_are_too_few(
    page_of: PageOf,
) -> None:
    page, _, verdict = page_of(**FAILING)
    for by in ("journey", "devices", "login", "arrival"):
        rows = page.tables[f"by-{by}"][1:]
        own = [group for group in verdict.groups if group.by == by]
        assert len(rows) == len(own)
        assert {len(row) for row in rows} == {9}
        for row, group in zip(rows, own, strict=True):
            assert row[1] == f"{group.students:,}"
            assert row[5] == f"{group.no_good_end:,}"
            few = f"— (only {group.waited} requests)" if group.waited > 1 else "— (no request)"
            assert group.p99 is not None or row[7] == few
    assert sum(int(row[5]) for row in page.tables["by-journey"][1:]) == 17


def test_who_came_to_no_good_end_stands_with_the_last_request(
    page_of: PageOf, healthy_page: Any
) -> None:
    page, _, verdict = page_of(**FAILING)
    rows = {row[0]: row for row in page.tables["bad-ends"][1:]}
    for title, number, came in (("Failed", 12, "overloaded"), ("Unknown", 5, "timeout")):
        assert rows[title][1] == str(number)
        assert rows[title][3] == PURCHASE
        assert rows[title][4].endswith(f": {came}")
        assert rows[title][5] == came
    sentences = [note for note in verdict.notes if note.startswith("12 students failed: ")]
    assert page.words.count(sentences[0]) == 1, "it stands with the groups, not also above"
    page, _, _ = healthy_page
    assert "bad-ends" not in page.tables
    assert "#bad-ends" not in {str(a.get("href", "")) for _, a in page.tags}


def test_errors_stand_by_code_and_a_healthy_run_says_that_there_were_none(
    page_of: PageOf, healthy_page: Any
) -> None:
    page, _, _ = page_of(**FAILING)
    assert page.row("errors", "overloaded")[2] == "12"
    assert page.row("errors", "timeout")[2] == "5"
    page, _, _ = healthy_page
    assert "errors" not in page.tables
    assert "was answered without an error" in page.words


def test_the_slowest_are_listed_with_their_servers_lines(run: RunDirectory) -> None:
    evidence = read_evidence(run)
    first, second = judge(evidence).slowest[:2]
    line = f'{{"message": "slow answer", "trace_id": "{first.trace}", "pool_ms": 431.5}}\n'
    (run.logs / "app-1.jsonl").write_text(line)
    page = shown(run, evidence)
    assert "app-1.jsonl: slow answer: waiting for a connection 431.5 ms" in page.words
    assert "have a line of 1 of these 40 requests, by trace id" in page.words
    assert first.trace in page.words
    assert second.trace in page.words
    assert page.words.count("intended at T-0") >= 40
    buying, others = (page.words.index(words) for words in (" requests to buy", " other requests"))
    assert buying < others


def test_a_pool_that_was_waited_for_says_on_the_page_why_it_is_undecided(
    page_of: PageOf, healthy_page: Any
) -> None:
    page, _, _ = page_of(drawn=True, pool_exhausted=True, cpu_full=True)
    assert page.row("pool-table", "PostgreSQL pools")[-1] == "undecided"
    assert "PostgreSQL pools: Of " in page.words
    assert "Undecided: this run does not show that more connections would help" in page.words
    assert "docs/how-to.md, “Size a pool”" in page.words
    healthy, _, _ = healthy_page
    assert "undecided" not in healthy.words
    assert "docs/how-to.md, “Size a pool”" in healthy.words


def test_without_any_server_s_log_the_page_says_so(run: RunDirectory) -> None:
    page = shown(run, read_evidence(run))
    assert "This run has no server's logs" in page.words


def test_a_foreign_app_is_told_how_its_log_would_be_found(run: RunDirectory) -> None:
    (run.logs / "app.log").write_text("12:00 GET / 200\n")
    page = shown(run, foreign(read_evidence(run), "owners"))
    assert "an app that logs it can be asked what it did" in page.words
    assert page.tables["by-journey"]


def test_a_locust_file_s_run_has_no_students_and_everything_else(run: RunDirectory) -> None:
    evidence = read_evidence(run)
    plan = evidence.plan.model_copy(update={"load": Load()})
    page = shown(run, dataclasses.replace(evidence, plan=plan))
    assert not [name for name in page.tables if name.startswith("by-")]
    assert "Who suffered" not in page.words
    assert f"The slowest 20 of {len(evidence.requests):,} requests" in page.words
    assert "requests to buy" not in page.words
    assert "Headroom" not in page.words


def test_a_locust_file_s_users_waited_too_and_have_no_trace_ids(run: RunDirectory) -> None:
    evidence = read_evidence(run)
    plan = evidence.plan.model_copy(update={"load": Load()})
    nobody = evidence.requests.assign(student=None, seq=None).astype(
        {"student": evidence.requests["student"].dtype, "seq": evidence.requests["seq"].dtype}
    )
    without = dataclasses.replace(evidence, plan=plan, requests=nobody)
    verdict = judge(without)
    assert [(each.trace, each.student) for each in verdict.slowest] == [(None, None)] * 20
    page = shown(run, without)
    assert "No request was recorded that somebody waited for" not in page.words
    assert "they carry no trace id of this run" in page.words
    assert "student not measured" not in page.words
    assert "trace None" not in page.words
    assert "student meant to act" not in page.words
    assert "re-samples of the students" not in page.words


def test_without_a_request_nothing_is_called_slow(run: RunDirectory) -> None:
    evidence = read_evidence(run)
    page = shown(run, dataclasses.replace(evidence, requests=evidence.requests.head(0)))
    assert "No request was recorded that somebody waited for." in page.words
    assert page.row("by-journey", "eager")[7] == "— (no request)"


def test_what_is_assumed_can_be_found_and_says_by_whose_word(page_of: PageOf) -> None:
    page, _, verdict = page_of()
    rows = page.tables["behaviour"][1:]
    bases = {row[0]: row[2] for row in rows}
    assert set(bases.values()) <= {"measured", "assumed"}
    assert "assumed" in bases.values()
    assert {habit.key for habit in verdict.behaviour if habit.value != "off"} == set(bases)
    details = [tag for tag, a in page.tags if a.get("id") == "behaviour-heading"]
    assert details == ["h2"]
