"""Code of the user's that holds up everybody is told as such, and as no slowness of the target."""

import dataclasses
from collections.abc import Callable

import pytest

from dress_rehearsal.records import TimelineEvent
from dress_rehearsal.records.tables import LOOP_BUSY
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.trust.generator import judge_generator
from dress_rehearsal.reports.verdict import judge

SMALL = {"students": 200, "tickets": 60}
PLACE = "buy() at shop.py:12"
Stalled = Callable[..., Evidence]


@pytest.fixture
def stalled(evidence_of: Callable[..., Evidence]) -> Stalled:
    """Return a run whose generators stood still: each argument is (in all, named, longest), ms."""

    def with_stamps(*stamps: tuple[int, int, int], place: str = PLACE, **run: object) -> Evidence:
        evidence = evidence_of(**SMALL, **run)
        last_ns = max(event.t_ns for event in evidence.events)
        told = [
            TimelineEvent(
                last_ns,
                "phase",
                LOOP_BUSY,
                {
                    "values": {"busy_ms": in_all, "named_ms": named, "longest_ms": longest},
                    "places": [place],
                },
            )
            for in_all, named, longest in stamps
        ]
        return dataclasses.replace(evidence, events=(*evidence.events, *told))

    return with_stamps


@pytest.mark.parametrize(
    "stamps",
    [
        pytest.param((), id="never"),
        pytest.param(((200, 190, 150),), id="for a moment, and nobody was late"),
        pytest.param(((9000, 100, 3000),), id="by no line of the scenario's"),
    ],
)
def test_a_loop_that_turned_is_not_spoken_of(stalled: Stalled, stamps) -> None:
    found = judge_generator(stalled(*stamps))
    assert found.doubts == ()
    assert not found.generator.limited


@pytest.mark.parametrize(
    "stamps",
    [
        pytest.param(((2000, 1900, 1500),), id="for longer than requests may be late"),
        pytest.param(((4000, 3000, 300), (4000, 3000, 200)), id="often, in two generators"),
    ],
)
def test_a_scenario_that_held_up_everybody_is_named(stalled: Stalled, stamps) -> None:
    evidence = stalled(*stamps)
    (doubt,) = judge_generator(evidence).doubts
    assert doubt.sentence.startswith("The scenario's own code kept the generator busy for ")
    assert PLACE in doubt.sentence
    assert "no slowness of the target" in doubt.sentence
    verdict = judge(evidence)
    assert verdict.verdict == "inconclusive"
    assert verdict.reasons[0] == doubt.sentence
    assert verdict.generator.limited


def test_who_was_late_by_it_is_told_why(stalled: Stalled) -> None:
    found = judge_generator(stalled((200, 190, 150), generator_late_ms=1500))
    first, *late = [doubt.sentence for doubt in found.doubts]
    assert PLACE in first
    assert any(each.startswith("The generator was late") for each in late)
