"""The page says everything the verdict holds, asks nobody else for anything, and never crashes."""

import re
from typing import Any

import pytest

from dress_rehearsal.reports.words import milliseconds
from tests.reports.page.parsed_page import (
    FIGURES,
    GATED,
    TROUBLED,
    UNTIMED,
    BuildRun,
    PageOf,
    written,
)
from tests.steps import PURCHASE

pytestmark = pytest.mark.slow


def test_every_number_of_the_census_is_there_and_the_sum_is_shown(page_of: PageOf) -> None:
    page, _, verdict = page_of(**TROUBLED)
    census = verdict.census.model_dump()
    total = census.pop("students")
    for word, count in census.items():
        assert page.row("census", word.replace("_", " ").capitalize())[1] == f"{count:,}"
    foot = page.row("census", "Students")
    assert foot[1] == f"{total:,}"
    assert "adds up" in foot[3]


def test_the_audit_says_ok_found_and_not_measured_in_words(page_of: PageOf) -> None:
    page, _, verdict = page_of(**TROUBLED)
    assert verdict.audit.oversold == 5
    assert page.row("audit", "Oversold")[1::2] == ["5", "found"]
    assert page.row("audit", "Stuck")[1::2] == ["0", "ok"]
    assert page.row("not-applicable", "Double entry")[2] == "nobody went to the entrance"


@pytest.mark.parametrize(
    ("defects", "word", "answer"),
    [
        (GATED, "pass", "It held"),
        (TROUBLED, "fail", "It does not hold"),
        ({"killed": True}, "inconclusive", "This run decides nothing"),
    ],
)
def test_the_banner_says_the_verdict_in_words_with_every_reason(
    page_of: PageOf, defects: dict[str, Any], word: str, answer: str
) -> None:
    page, _, verdict = page_of(**defects)
    assert verdict.verdict == word
    assert f"{word} {answer}" in page.words
    assert ("section", {"class": f"verdict {word}", "aria-labelledby": "verdict"}) in page.tags
    for reason in verdict.reasons:
        assert " ".join(reason.split()) in page.words


def test_a_time_is_written_in_one_way_in_the_banner_the_strip_and_the_table(
    healthy_page: Any,
) -> None:
    page, _, verdict = healthy_page
    felt = milliseconds(verdict.latency_ms[PURCHASE].p99)
    assert f"99% of purchases took at most {felt}" in page.words
    assert f"{felt} felt; the system's part" in page.words
    assert page.row("latency-table", PURCHASE)[4] == felt.removesuffix(
        " ms"
    )  # its caption has the unit


def test_every_gate_stands_with_its_limit_its_number_and_its_result(healthy_page: Any) -> None:
    page, _, verdict = healthy_page
    assert len(page.tables["gates"]) == 1 + len(verdict.gates)
    assert page.row("gates", "census.failed") == [
        "census.failed",
        "pass",
        "<= 0.1%",
        "0 of 600 students (0%)",
        "none at all",
    ]
    login = page.row("gates", "latency_ms[POST /login].p99")
    assert login[1] == "pass"
    assert re.fullmatch(
        r"[\d.]+ ms \(95% interval within this run [\d.]+ ms to [\d.]+ ms\)", login[3]
    )


def test_latency_stands_with_what_was_not_answered_beside_it(page_of: PageOf) -> None:
    page, _, verdict = page_of(**TROUBLED)
    row = page.row("latency-table", "POST /events/{event}/tickets")
    assert row[1] == f"{verdict.latency_ms[row[0]].count:,}"
    assert tuple(row[-2:]) == ("4", "0")
    assert int(row[-3]) >= 7


def test_requests_are_shown_as_recorded_and_as_the_server_counted_them(
    page_of: PageOf,
) -> None:
    page, evidence, _ = page_of(**TROUBLED)
    step = "POST /events/{event}/tickets"
    tally = evidence.server_counts.tallies[step]
    assert tally.difference > 0
    numbers = (tally.recorded, tally.uncertain, tally.counted)
    shown = [f"{number:,}" for number in numbers]
    assert page.row("reconciliation", step)[1:] == [*shown, f"off by +{tally.difference}"]
    assert page.row("reconciliation", "POST /login")[4] == "agree"


@pytest.mark.parametrize(
    ("defects", "sentence"),
    [
        (TROUBLED, "Kernel receive timestamps were available for all"),
        (UNTIMED, "read lag could not be split off"),
    ],
)
def test_what_the_clock_could_not_tell_is_said(
    page_of: PageOf, defects: dict[str, Any], sentence: str
) -> None:
    page, _, _ = page_of(**defects)
    assert sentence in page.words


def test_the_timeline_tells_faults_and_not_every_alert(page_of: PageOf) -> None:
    page, _, _ = page_of(**TROUBLED)
    for cells in (
        ("T-0 + 1 s", "fault: leak", "on, 20%: a purchase keeps its PostgreSQL connection"),
        ("T-0 + 3 s", "fault: leak", "off"),
        ("T-0 + 1 s", "fault: redis wipe", "could not be done: There is no such switch."),
    ):
        assert "".join(cells) in page.words
    assert page.words.count("Enrolment cannot be asked.") == 20
    assert "50 more, 50 of them alerts; all are in timeline.jsonl" in page.words
    assert "torn down" in page.words


def test_the_same_run_gives_the_same_bytes(page_of: PageOf, build_run: BuildRun) -> None:
    page, _, _ = page_of(drawn=True, **GATED)
    elsewhere, _, _ = written(build_run(**GATED))
    assert set(page.files) == {"report.html", *(f"{name}.svg" for name in FIGURES)}
    assert elsewhere.files == page.files


@pytest.mark.parametrize(
    ("arguments", "sentences"),
    [
        (
            UNTIMED,
            [
                "as students heard of them",
                "The run has no environment.json",
                "later than they arrived",
                "could not be split off",
            ],
        ),
        ({"killed": True}, ["as the answers said", "Never started"]),
        (
            {"without": ["requests", "timeline"]},
            [
                "No student tried to buy a ticket",
                "No request was recorded, so there is no latency",
                "No answer carried Server-Timing",
                "The run has no timeline",
            ],
        ),
        (
            {"no_t0": True, "without": ["metrics", "students"]},
            [
                "no T-0 was set",
                "zero is its first request",
                "No sample of any pool was recorded",
                "The generator's CPU was not recorded",
                "Requests were not counted on both sides",
            ],
        ),
    ],
)
def test_what_is_missing_is_named_and_the_rest_is_shown(
    page_of: PageOf, arguments: dict[str, Any], sentences: list[str]
) -> None:
    page, _, _ = page_of(drawn=True, **arguments)
    assert [sentence for sentence in sentences if sentence not in page.words] == []
    assert page.tables["census"]


def test_a_run_that_left_nothing_but_its_plan_has_a_page_and_no_figure_outlives_its_evidence(
    build_run: BuildRun,
) -> None:
    everything = ["requests", "students", "ledger", "metrics", "environment", "timeline"]
    run = build_run(without=everything)
    for name in (*(f"{figure}.svg" for figure in (*FIGURES, "errors")), "arrivals.png"):
        (run.figures / name).write_text("drawn from an earlier state of the run")
    page, _, verdict = written(run)
    assert list(run.figures.iterdir()) == []
    assert verdict.verdict == "inconclusive"
    assert page.words.count("Not drawn.") == 1 + len(FIGURES)
    assert not [tag for tag, _ in page.tags if tag == "svg"]


def test_the_page_stays_small_however_much_was_recorded(build_run: BuildRun) -> None:
    run = build_run(students=4000, tickets=1500, failed=50, unknown=20)
    _, evidence, _ = written(run)
    assert len(evidence.requests) > 20_000
    assert (run.path / "report.html").stat().st_size < 1_500_000
