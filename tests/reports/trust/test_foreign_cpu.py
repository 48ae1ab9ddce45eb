"""Others' CPU makes a run decide nothing, but only where no processor was to spare."""

import dataclasses

import pytest

from dress_rehearsal.reports.trust import judge_trust
from dress_rehearsal.reports.trust.foreign_cpu import judge_foreign_cpu
from dress_rehearsal.reports.verdict import judge

pytestmark = pytest.mark.slow

SMALL = {"students": 200, "tickets": 60}
PURCHASES = "latency_ms[POST /events/{event}/tickets].p99"


@pytest.fixture
def judged(evidence_of):
    return lambda **arguments: judge_foreign_cpu(evidence_of(**{**SMALL, **arguments}))


def test_a_machine_of_our_own_is_no_reason_to_doubt(judged):
    found = judged()
    assert found.cores == 0.02
    assert (found.doubts, found.notes) == ((), ())


def test_others_that_take_the_cpu_are_a_sentence_with_how_much(judged):
    found = judged(foreign_cores=1.7)
    assert found.cores == 1.72
    (doubt,) = found.doubts
    assert doubt.sentence.startswith(
        "Other programs took up to 1.72 of 2 cores around T-0, so what was"
    )
    assert doubt.word == "foreign_cpu"


@pytest.mark.parametrize(
    ("defects", "doubts"),
    [
        pytest.param({"foreign_cores": 0.29}, 1, id="with what is always there just over 0.3"),
        pytest.param({"foreign_cores": 0.25}, 0, id="under 0.3"),
        pytest.param({"foreign_cores": 24.0, "spare": True}, 0, id="40 of 64 cores are idle"),
        pytest.param(
            {"foreign_cores": 1.0, "plan": {"generator": {"max_foreign_cpu": 1.5}}},
            0,
            id="the plan allows more",
        ),
        pytest.param(
            {"foreign_cores": 2.1, "plan": {"generator": {"max_foreign_cpu": 2.0}}},
            0,
            id="all of it is allowed, and counts come to more",
        ),
        pytest.param(
            {"foreign_cores": 2.1, "plan": {"generator": {"max_foreign_cpu": 1.9}}},
            1,
            id="less than all of it is allowed",
        ),
        pytest.param({"cpu_full": True}, 0, id="it is our own that takes it all"),
    ],
)
def test_it_harms_where_it_is_more_than_allowed_and_nothing_is_to_spare(judged, defects, doubts):
    assert len(judged(**defects).doubts) == doubts


def test_the_sentence_has_the_number_of_the_table_and_what_of_it_did_harm(evidence_of):
    evidence = evidence_of(**SMALL, foreign_cores=1.0)
    metrics = evidence.metrics.copy()
    since_s = (metrics["t_ns"].astype("int64") - evidence.t0_ns) / 1e9
    foreign = metrics["name"] == "machine_foreign_cpu_seconds_total"
    idle = metrics["name"] == "machine_cpu_idle_seconds_total"
    later = (since_s - 3).clip(lower=0)
    metrics.loc[foreign, "value"] += 0.5 * later[foreign]
    metrics.loc[idle, "value"] += 1.0 * later[idle]
    used = metrics["name"] == "machine_cpu_used_ratio"
    metrics.loc[used & (since_s > 3), "value"] = 0.5
    found = judge_foreign_cpu(dataclasses.replace(evidence, metrics=metrics))
    assert found.cores == 1.52
    assert found.doubts[0].sentence.startswith(
        "Other programs took up to 1.52 of 2 cores (1.02 of them while no processor was to spare)"
    )


def test_a_pass_says_why_what_others_took_did_no_harm(verdict_of):
    spare = verdict_of(**SMALL, foreign_cores=24.0, spare=True)
    assert spare.verdict == "pass"
    assert "(more than the 0.3 allowed, but a processor was free whenever they did)" in spare.belief
    assert "allowed" not in verdict_of(**SMALL).belief


def test_a_limit_that_no_program_can_break_is_none_that_was_kept(evidence_of):
    evidence = evidence_of(**SMALL, plan={"generator": {"max_foreign_cpu": 1000.0}})
    told = dataclasses.replace(evidence, environment={**evidence.environment, "cores": 2})
    assert "(the plan lets them take all)" in judge(told).belief
    sound = evidence_of(**SMALL)
    told = dataclasses.replace(sound, environment={**sound.environment, "cores": 2})
    assert "lets them" not in judge(told).belief


def test_half_a_second_without_a_processor_to_spare_is_enough(evidence_of, judged):
    """A burst is over before a second is: over the second there is some idle time all the same."""
    evidence = evidence_of(**SMALL, foreign_cores=1.0)
    metrics = evidence.metrics.copy()
    idle = metrics["name"] == "machine_cpu_idle_seconds_total"
    since_s = (metrics["t_ns"].astype("int64") - evidence.t0_ns) / 1e9
    metrics.loc[idle, "value"] += 0.5 * (since_s[idle] + 20)  # half a core of two was idle
    used = metrics["name"] == "machine_cpu_used_ratio"
    metrics.loc[used & ~since_s.between(0.2, 0.8), "value"] = 0.7
    assert len(judge_foreign_cpu(dataclasses.replace(evidence, metrics=metrics)).doubts) == 1
    metrics = metrics.copy()
    metrics.loc[used, "value"] = 0.7
    assert judge_foreign_cpu(dataclasses.replace(evidence, metrics=metrics)).doubts == ()


def test_what_the_host_gave_away_is_told_apart_and_decides_nothing(judged):
    found = judged(stolen_cores=0.8)
    assert found.doubts == ()
    assert found.stolen is not None
    assert found.stolen.startswith("The host gave 0.8 of 2 cores to other machines around T-0")
    assert judged(stolen_cores=0.1).stolen is None


def test_what_was_not_measured_is_not_zero(judged):
    for name in ("machine_foreign", "machine_cpu_idle", "machine_cpu_steal"):
        found = judged(without_metrics=[name])
        assert found.cores is None
        assert found.notes == ()
        assert [(doubt.sentence, doubt.word) for doubt in found.doubts] == [
            (
                "What other programs took of the CPU was not measured around T-0, so what was slow "
                "may be their doing.",
                "foreign_cpu_unknown",
            )
        ]
    assert judged(no_t0=True) == (None, (), (), None)


def test_where_nothing_was_heard_of_the_processes_that_says_it(evidence_of):
    evidence = evidence_of(**SMALL)
    others = (evidence.metrics["source"] != "processes").to_numpy(dtype=bool)
    mute = dataclasses.replace(evidence, metrics=evidence.metrics[others])
    assert judge_foreign_cpu(mute).doubts == ()
    assert len(judge_trust(mute).problems) == 1


def test_a_plan_that_lets_others_take_all_rests_on_no_count(evidence_of):
    allowed = {"generator": {"max_foreign_cpu": 2}}
    counts = ["machine_foreign_cpu"]
    evidence = evidence_of(**SMALL, plan=allowed, without_metrics=counts)
    assert len(judge_foreign_cpu(evidence).doubts) == 1  # of how many, is not known
    known = dataclasses.replace(evidence, environment={**evidence.environment, "cores": 2})
    found = judge_foreign_cpu(known)
    assert (found.cores, found.doubts) == (None, ())
    assert found.notes == ("What other programs took of the CPU was not measured.",)


@pytest.mark.parametrize("stage", [{}, {"stage": "external", "url": "http://127.0.0.1:8000"}])
def test_a_run_of_which_others_cpu_is_not_known_does_not_pass(verdict_of, stage):
    plan = {"target": stage}
    verdict = verdict_of(**SMALL, plan=plan, without_metrics=["machine_foreign_cpu"])
    assert verdict.verdict == "inconclusive"
    assert any(each.startswith("What other programs took of the CPU") for each in verdict.reasons)


@pytest.mark.parametrize(
    ("from_s", "until_s", "doubts"), [(0.2, 3.5, 1), (0.2, 1.5, 0), (-9, -2, 0)]
)
def test_seconds_that_nobody_counted_are_no_quiet_ones(evidence_of, from_s, until_s, doubts):
    """The processes were heard of meanwhile: it was the count over all of them that failed."""
    evidence = evidence_of(**SMALL)
    metrics = evidence.metrics
    since_s = (metrics["t_ns"].astype("int64") - evidence.t0_ns) / 1e9
    names = ["machine_foreign_cpu_seconds_total", "machine_cpus"]
    names += ["machine_cpu_steal_seconds_total", "machine_cpu_idle_seconds_total"]
    lost = metrics["name"].isin(names) & since_s.between(from_s, until_s)
    part = dataclasses.replace(evidence, metrics=metrics[~lost.to_numpy(dtype=bool)])
    found = judge_foreign_cpu(part)
    assert len(found.doubts) == doubts
    assert all("was not counted from T-0" in doubt.sentence for doubt in found.doubts)
    assert part.gaps == ()


def test_a_run_beside_hogs_is_undecided_and_its_broken_limits_are_no_failure(verdict_of):
    gates = [(PURCHASES, "<= 20ms")]
    assert verdict_of(**SMALL, gates=gates, slow_ms=300).verdict == "fail"
    beside = verdict_of(**SMALL, gates=gates, slow_ms=300, foreign_cores=1.7)
    assert beside.verdict == "inconclusive"
    assert beside.generator.foreign_cpu_cores == 1.72
    assert any(
        reason.startswith("Gate undecided: ")
        and reason.endswith("but other programs took up to 1.72 of 2 cores meanwhile.")
        for reason in beside.reasons
    )


def test_a_wrong_is_a_wrong_whatever_ran_beside(verdict_of):
    assert verdict_of(**SMALL, oversell=2, foreign_cores=1.7).verdict == "fail"


def test_the_finding_is_a_word(evidence_of):
    assert judge_trust(evidence_of(**SMALL)).findings == frozenset()
    assert judge_trust(evidence_of(**SMALL, foreign_cores=1.7)).findings == {"foreign_cpu"}
    stolen = judge_trust(evidence_of(**SMALL, stolen_cores=0.8))
    assert stolen.findings == {"steal"}
    assert stolen.problems == (), "it is told, and decides nothing"
