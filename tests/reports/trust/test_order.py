"""What to mend is told before what may have come of it."""

import pytest

from dress_rehearsal.reports.summary import write_summary
from dress_rehearsal.reports.trust import judge_trust

pytestmark = pytest.mark.slow

SMALL = {"students": 200, "tickets": 60}
LATE = {**SMALL, "generator_late_ms": 300.0}
SILENT = [("postgres", -1.0, 4.0)]


def firsts(verdict):
    """Return how each reason begins."""
    return [" ".join(reason.split()[:2]) for reason in verdict.reasons]


def test_other_programs_are_told_before_the_requests_that_left_late_and_what_was_not_heard(
    verdict_of,
):
    verdict = verdict_of(**LATE, foreign_cores=1.7, silent=SILENT)
    said = firsts(verdict)
    assert said[0] == "Other programs"
    assert said.index("Other programs") < said.index("The generator") < said.index("Nothing was")
    assert "- Other programs took up to 1.72 of 2 cores around T-0" in write_summary(verdict)
    assert verdict.belief.split(": ")[1].startswith("Other programs")


@pytest.mark.parametrize(
    ("defects", "cause"),
    [
        pytest.param({"clock_step_s": 3.0}, "The conductor's clock", id="clocks"),
        pytest.param({"foreign_cores": 1.7}, "Other programs", id="other programs"),
    ],
)
def test_a_cause_is_told_before_students_who_never_started(verdict_of, defects, cause):
    said = verdict_of(**SMALL, never_started=4, silent=SILENT, **defects).reasons
    assert said[0].startswith(cause)
    never, silence = (
        next(place for place, each in enumerate(said) if words in each)
        for words in ("never started", "Nothing was heard")
    )
    assert 0 < never < silence


def test_where_nothing_is_known_to_be_why_the_symptom_comes_first(verdict_of):
    assert firsts(verdict_of(**LATE))[0] in ("The generator", "The release")
    assert firsts(verdict_of(**SMALL, silent=SILENT))[0] == "Nothing was"


def test_what_the_host_took_is_a_reason_only_where_something_else_decides_nothing(evidence_of):
    late = judge_trust(evidence_of(**LATE, stolen_cores=0.8))
    assert late.causes[0].startswith("The host gave 0.8 of 2 cores to other machines")
    assert late.symptoms
    assert not any("The host gave" in note for note in late.notes)
    alone = judge_trust(evidence_of(**SMALL, stolen_cores=0.8))
    assert alone.problems == ()
    assert any("The host gave" in note for note in alone.notes)


def test_a_healthy_run_has_neither(evidence_of):
    found = judge_trust(evidence_of(**SMALL))
    assert (found.causes, found.symptoms) == ((), ())
