"""What was not heard is not healthy: a silence in the seconds that matter decides nothing."""

import dataclasses
from types import SimpleNamespace

import pytest

from dress_rehearsal.plans.plan import Collect
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence.silence import Gap
from dress_rehearsal.reports.trust.coverage import judge_coverage
from dress_rehearsal.reports.verdict import judge

pytestmark = pytest.mark.slow

SMALL = {"students": 200, "tickets": 60}
CONDUCTOR = tuple((source, 1.0, 7.0) for source in ("postgres", "redis", "kernel", "processes"))


@pytest.fixture
def told(evidence_of):
    def sentences(**arguments):
        return [doubt.sentence for doubt in judge_coverage(evidence_of(**SMALL, **arguments))]

    return sentences


@pytest.mark.parametrize("allocation", ["redis_writeback", "naive"])
def test_a_run_that_was_heard_throughout_has_no_gap(evidence_of, told, allocation):
    assert evidence_of(**SMALL, allocation=allocation).gaps == ()
    assert told(allocation=allocation) == []


def test_a_conductor_that_was_stopped_is_one_sentence(evidence_of, told):
    workers = (("app", 1.0, 7.0), ("writeback", 1.0, 7.0))
    (sentence,) = told(silent=CONDUCTOR + workers)
    assert sentence == (
        "Nothing was heard of PostgreSQL, Redis, 2 of the app's workers, the write-back, the "
        "kernel and the processes from T-0 + 1 s to T-0 + 7 s, so what happened there meanwhile is "
        "not known."
    )
    evidence = evidence_of(**SMALL, silent=CONDUCTOR)
    assert {gap.source for gap in evidence.gaps} == {"postgres", "redis", "kernel", "processes"}
    for gap in evidence.gaps:
        assert gap.from_ns - evidence.t0_ns == pytest.approx(NS_PER_S, abs=0.3 * NS_PER_S)
        assert gap.until_ns - evidence.t0_ns == pytest.approx(7 * NS_PER_S, abs=0.3 * NS_PER_S)
        assert not gap.planned


def silent_at(*from_s, source="app:4102"):
    """Return silences of 1.6 s each, which begin so long after T-0."""
    return [
        Gap(source, round(s * NS_PER_S), round((s + 1.6) * NS_PER_S), planned=False) for s in from_s
    ]


def said_of(gaps):
    evidence = SimpleNamespace(gaps=gaps, timeline=SimpleNamespace(zero_ns=0))
    return [doubt.sentence for doubt in judge_coverage(evidence)]


def test_a_worker_that_was_silent_again_and_again_is_one_sentence():
    assert said_of(silent_at(0, 2, 4)) == [
        "Nothing was heard of the app's worker 4102 from T-0 to T-0 + 1.6 s, from T-0 + 2 s to "
        "T-0 + 3.6 s and from T-0 + 4 s to T-0 + 5.6 s, so what happened there meanwhile is not "
        "known."
    ]
    assert said_of(silent_at(0, 2, 4, 6, 8)) == [
        "Nothing was heard of the app's worker 4102 from T-0 to T-0 + 1.6 s, from T-0 + 2 s to "
        "T-0 + 3.6 s and 3 more times until T-0 + 9.6 s (8 s in all), so what happened there "
        "meanwhile is not known."
    ]


def test_eight_workers_with_sixty_silences_are_eight_sentences():
    gaps = [
        gap
        for number in range(8)
        for gap in silent_at(*(number / 8 + 3 * turn for turn in range(8)), source=f"app:{number}")
    ]
    assert len(gaps) == 64
    sentences = said_of(sorted(gaps, key=lambda gap: gap.from_ns))
    assert len(sentences) <= 8
    assert all("6 more times" in sentence for sentence in sentences)


def test_workers_share_a_sentence_only_where_they_were_silent_together_each_time(told):
    once = (("app:4101", 0.0, 2.0), ("app:4102", 0.0, 2.0))
    assert len(told(silent=once)) == 1
    again = (*once, ("app:4102", 3.0, 5.0))
    one, other = told(silent=again)
    assert "the app's worker 4101 from " in one
    assert "the app's worker 4102 from " in other
    assert one.count(" to ") + other.count(" to ") == 3


@pytest.mark.parametrize(
    ("silent", "gaps"),
    [
        pytest.param((("redis", 0.1, 1.2),), 0, id="for a second"),
        pytest.param((("redis", 0.1, 2.1),), 1, id="for two"),
        pytest.param((("redis", -5.0, -1.2),), 0, id="before it mattered"),
        pytest.param((("redis", -5.0, 0.0),), 1, id="up to T-0"),
        pytest.param((("generator", 0.1, 2.1),), 1, id="the generator's own account"),
        pytest.param((("app:4102", 0.1, 3.0),), 1, id="one worker"),
        pytest.param((("app:4102", 0.1, 99.0),), 1, id="one worker that never spoke again"),
        pytest.param((("collector", 0.1, 3.0),), 0, id="what the collector says of itself"),
        pytest.param((("postgres", 0.1, 2.0), ("kernel", 1.0, 3.0)), 2, id="two at other times"),
    ],
)
def test_a_silence_counts_from_a_second_and_a_half_on(told, silent, gaps):
    assert len(told(silent=silent)) == gaps


@pytest.mark.parametrize("interval", ["100ms", "1s", "2s", "3s"])
def test_who_is_read_more_rarely_is_not_silent_in_between(evidence_of, interval):
    plan = {"collect": {"interval": interval}}
    evidence = evidence_of(**SMALL, plan=plan)
    assert evidence.gaps == ()
    assert judge(evidence).verdict == "pass"
    missed = evidence_of(**SMALL, plan=plan, silent=(("app:4102", -0.5, 6.5),))
    (gap,) = missed.gaps
    assert gap.source == "app:4102"


def test_the_generator_speaks_as_often_whatever_is_read_how_often(evidence_of):
    evidence = evidence_of(**SMALL)
    plan = evidence.plan.model_copy(update={"collect": Collect.model_validate({"interval": "3s"})})
    quiet = dataclasses.replace(evidence_of(**SMALL, silent=(("generator", 0.1, 2.1),)), plan=plan)
    assert [gap.source for gap in quiet.gaps] == ["generator"]


def test_a_process_that_was_lost_is_silent_for_good_reason(told):
    assert told(worker_lost=True) == []


def test_a_store_that_is_down_says_so_itself(evidence_of):
    """While it is down it is asked once a second or less, and each time answers with a 0."""
    silent = (("postgres", 0.5, 2.6),)
    evidence = evidence_of(**SMALL, silent=silent)
    assert len(evidence.gaps) == 1
    metrics = evidence.metrics.copy()
    up = metrics["name"] == "pg_up"
    since_s = (metrics["t_ns"].astype("int64") - evidence.t0_ns) / 1e9
    metrics.loc[up & since_s.between(2.5, 3.1), "value"] = 0.0
    assert dataclasses.replace(evidence, metrics=metrics).gaps == ()


def test_what_the_plans_own_fault_silences_is_told_and_doubted_by_nobody(evidence_of, told):
    stopped = {"silent": (("app:4102", 0.5, 3.5),), "faults": (("loop_block", 0.4, 3.0),)}
    (gap,) = evidence_of(**SMALL, **stopped).gaps
    assert gap.planned
    assert told(**stopped) == []
    # … which explains no silence of the harness' own.
    kernel = {"silent": (("kernel", 0.5, 3.5),), "faults": (("loop_block", 0.4, 3.0),)}
    assert len(told(**kernel)) == 1


def test_a_killed_runs_last_second_is_no_gap(told):
    assert told(killed=True) == []


def test_a_gap_makes_a_run_undecided(verdict_of):
    verdict = verdict_of(**SMALL, silent=CONDUCTOR)
    assert verdict.verdict == "inconclusive"
    assert verdict.reasons[0].startswith("Nothing was heard of PostgreSQL, Redis, the kernel and")


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("postgres", "PostgreSQL"),
        ("redis", "Redis"),
        ("app", "the app's workers"),
        ("kernel", "the kernel"),
        ("processes", "the processes"),
        ("generator", "the generator"),
    ],
)
def test_a_source_that_never_spoke_was_silent_all_the_time(evidence_of, source, named):
    evidence = evidence_of(**SMALL)
    others = evidence.metrics["source"].astype("object").str.partition(":")[0] != source
    mute = dataclasses.replace(evidence, metrics=evidence.metrics[others.to_numpy(dtype=bool)])
    (doubt,) = judge_coverage(mute)
    assert doubt.sentence.startswith(f"Nothing was heard of {named} from T-0 − 1 s to T-0 + ")


def test_of_a_target_elsewhere_only_this_machine_has_to_be_heard(evidence_of):
    plan = {"target": {"stage": "external", "url": "http://127.0.0.1:8000"}}
    evidence = evidence_of(**SMALL, plan=plan)
    own = evidence.metrics["source"].isin(["kernel", "processes", "generator"])
    assert judge_coverage(dataclasses.replace(evidence, metrics=evidence.metrics[own])) == []
