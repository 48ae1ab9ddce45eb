"""What its own container's CPU limit held back decides nothing, and is told with the limit."""

import pytest

from dress_rehearsal.reports.summary import write_summary
from dress_rehearsal.reports.trust import judge_trust
from dress_rehearsal.reports.verdict import judge
from tests.reports.contained_runs import limited
from tests.reports.gating import BUYING

SMALL = {"students": 200, "tickets": 60}


def test_without_a_limit_nothing_is_told_of_one(evidence_of):
    found = judge_trust(evidence_of(**SMALL))
    assert found.generator.held_back_share is None
    assert not found.problems


def test_held_back_for_a_third_of_a_second_the_generator_is_limited(evidence_of):
    evidence = limited(evidence_of(**SMALL), held=1.0)
    found = judge_trust(evidence)
    assert found.generator.held_back_share == pytest.approx(1 / 3, abs=0.01)
    assert found.generator.limited
    assert found.findings == {"cpu_limit"}
    (sentence,) = found.problems
    assert sentence.startswith(
        "The container that the rehearsal itself ran in has a limit of 2 CPUs, which held it back "
        "for up to 33.3% of a second around T-0: "
    )
    verdict = judge(evidence)
    assert verdict.verdict == "inconclusive"
    assert "held it back for up to 33.3% of a second" in write_summary(verdict)


@pytest.mark.slow
def test_what_it_made_slow_is_not_held_against_the_target(evidence_of):
    evidence = evidence_of(**SMALL, slow_ms=300, gates=[(f"{BUYING}.p99", "<= 20ms")])
    assert judge(evidence).verdict == "fail"
    undecided = judge(limited(evidence, held=1.0))
    assert undecided.verdict == "inconclusive"
    (said,) = (reason for reason in undecided.reasons if reason.startswith("Gate undecided"))
    assert "the rehearsal's own CPU limit held it back meanwhile" in said


def test_an_app_in_containers_of_its_own_is_not_excused_by_it(evidence_of):
    evidence = limited(evidence_of(**SMALL, plan={"target": {"stage": "docker"}}), held=1.0)
    found = judge_trust(evidence)
    assert found.generator.limited
    assert found.untimely is None


@pytest.mark.parametrize(
    ("held", "lasts_s"), [(0.0, 8.0), (0.3, 8.0), (1.0, 0.25)], ids=["never", "hardly", "briefly"]
)
def test_a_limit_that_is_hardly_met_is_a_number_and_no_doubt(evidence_of, held, lasts_s):
    found = judge_trust(limited(evidence_of(**SMALL), held=held, lasts_s=lasts_s))
    assert found.generator.held_back_share < 0.2
    assert not found.problems


def test_before_the_seconds_that_matter_it_harms_nobody(evidence_of):
    evidence = limited(evidence_of(**SMALL), held=1.0)
    metrics = evidence.metrics
    early = metrics["labels"].astype(str).str.contains("job", regex=False)
    metrics.loc[early, "t_ns"] -= 20 * 1_000_000_000
    assert not judge_trust(evidence).problems
