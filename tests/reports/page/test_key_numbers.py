"""The strip below the verdict says no more than the verdict knows."""

from collections.abc import Callable
from typing import Any

import pytest

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.page import key_numbers
from dress_rehearsal.reports.verdict import judge
from tests.steps import PURCHASE

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("defects", "sold_out", "bottleneck"),
    [
        pytest.param({}, (" s", "from T-0 to the last ticket"), "none", id="healthy"),
        pytest.param({"tickets": 590}, ("never", "tickets were left"), "none", id="some are left"),
        pytest.param({"tickets": 0}, ("never", "there were no tickets"), "none", id="none to go"),
        pytest.param({"no_t0": True}, ("never", "tickets were left"), "not named", id="no T-0"),
        pytest.param(
            {"without": ("ledger", "requests")}, ("not measured", "when"), "not named", id="lost"
        ),
        pytest.param(
            {"silent": (("kernel", 0.1, 3.0),)}, (" s", "from T-0"), "not named", id="unwatched"
        ),
        pytest.param({"clock_step_s": -3.0}, (" s", "from T-0"), "not named", id="a set clock"),
        pytest.param({"no_timestamps": True}, (" s", "from T-0"), "not named", id="untimed"),
    ],
)
def test_the_strip_says_no_more_than_the_verdict_knows(
    evidence_of: Callable[..., Evidence],
    defects: dict[str, Any],
    sold_out: tuple[str, str],
    bottleneck: str,
) -> None:
    evidence = evidence_of(**defects)
    strip = {number.label: number for number in key_numbers(evidence, judge(evidence))}
    after = strip["Sold out after"]
    assert after.value.endswith(sold_out[0])
    assert after.note.startswith(sold_out[1])
    assert strip["Bottleneck"].value == bottleneck


def test_few_purchases_are_said_to_be_few(evidence_of: Callable[..., Evidence]) -> None:
    evidence = evidence_of(students=200, tickets=60)
    verdict = judge(evidence)
    count = verdict.latency_ms[PURCHASE].count
    (buying,) = (n for n in key_numbers(evidence, verdict) if n.label == "Purchase, p99")
    assert f"of {count} requests only" in buying.note
    assert f"(there were only {count})" in verdict.reasons[0]
    many = judge(evidence_of())
    assert "there were only" not in many.reasons[0]


def test_who_came_to_no_good_end_is_counted_in_the_strip(
    evidence_of: Callable[..., Evidence],
) -> None:
    evidence = evidence_of(students=200, tickets=60)
    verdict = judge(evidence)
    labels = [number.label for number in key_numbers(evidence, verdict)]
    assert "Busiest second" in labels and "No good end" not in labels
    ends = {"failed": 3, "unknown": 2, "sold_out": verdict.census.sold_out - 5}
    census = verdict.census.model_copy(update={**ends, "no_good_end": 5})
    changed = verdict.model_copy(update={"census": census})
    (bad,) = (n for n in key_numbers(evidence, changed) if n.label == "No good end")
    assert (bad.value, bad.note) == ("5", "2.5% of the students: 3 failed, 2 unknown")
