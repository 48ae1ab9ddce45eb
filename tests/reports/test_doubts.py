"""Whatever makes a rush another one than was planned is a word, and by it numbers do not count."""

import pytest

from dress_rehearsal.reports.doubts import believed, disturbances

SMALL = {"students": 200, "tickets": 60}
TIMES = "latency_ms[GET /].p99"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("defect", "word"),
    [
        ({"never_started": 1}, "smaller_rush"),
        ({"undone_fault": "redis_wipe"}, "undone_fault"),
        ({"generator_late_ms": 1500, "plan": {"generator": {"timely": "9s"}}}, "late_sends"),
        ({"silent": (("generator", 0.1, 2.1),)}, "late_sends"),
    ],
)
def test_each_has_its_word_and_a_healthy_run_has_none(verdict_of, defect, word):
    doubts = verdict_of(**SMALL, **defect).doubts
    assert word in disturbances(doubts)
    assert not believed(doubts, TIMES)
    assert verdict_of(**SMALL).doubts == ()


@pytest.mark.slow
def test_a_source_of_metrics_that_was_silent_made_nothing_slow(verdict_of):
    doubts = verdict_of(**SMALL, silent=(("redis", 0.1, 3.0),)).doubts
    assert (doubts, believed(doubts, TIMES)) == (("gap",), True)


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("audit.oversold", True),
        ("audit.settle_ms", False),
        ("generator.late_start_p99_ms", True),
        ("pools[redis].leaked", True),
        ("census.failed", False),
        ("load.failed_share", False),
        (TIMES, False),
    ],
)
def test_what_a_busy_machine_can_have_made_does_not_count(path, counts):
    assert believed(("foreign_cpu",), path) == counts
    assert believed((), path)
    assert not believed(("cut_short",), path)
