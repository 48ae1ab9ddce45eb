"""The machine's speed is the CPU time of a fixed calculation, kept beside its other facts."""

import itertools
import json

import pytest

from dress_rehearsal.records.environment import SPEED, read_facts
from dress_rehearsal.records.machine_speed import keep_after, measured_ms, speed_ms

MS = 1_000_000


def clock(*took_ms):
    """Return a clock by which the calculation takes so long, time after time."""
    ends = itertools.accumulate(itertools.cycle(took_ms))
    read = itertools.chain([0], (end for each in ends for end in (each, each)))
    return lambda: int(next(read) * MS)


def test_the_best_and_the_median_are_told_by_the_clock():
    assert measured_ms(clock(20)) == {"best": 20.0, "median": 20.0}
    assert measured_ms(clock(30, 20, 40)) == {"best": 20.0, "median": 30.0}


def test_a_clock_that_stands_still_tells_a_time_that_can_be_divided_by():
    assert measured_ms(lambda: 7)["median"] > 0


def test_what_is_measured_after_stands_beside_what_was_measured_before(run):
    before = {"best": 20.0, "median": 21.0}
    facts = {"fingerprint": "3f2a", SPEED: {"before": before}}
    run.write_json("environment.json", facts)
    assert speed_ms(run.environment()) == 21.0
    keep_after(run, lambda: {"best": 30.0, "median": 41.0})
    assert run.environment() == facts | {
        SPEED: {"before": before, "after": {"best": 30.0, "median": 41.0}}
    }
    assert speed_ms(run.environment()) == 31.0


@pytest.mark.parametrize("text", [None, "{", '{"cores": 2}', '{"calculation_ms": {"before": 7}}'])
def test_facts_without_it_and_damaged_ones_are_left_as_they_are(run, text):
    path = run.path / "environment.json"
    if text is not None:
        path.write_text(text)
    keep_after(run, lambda: {"best": 30.0, "median": 41.0})
    assert (path.read_text() if path.exists() else None) == text
    assert speed_ms(run.environment([])) is None


@pytest.mark.parametrize("took", [0, -1, "20", None, 1e10])
def test_a_time_that_cannot_be_is_left_out_and_told(took):
    said = {SPEED: {"before": {"best": 20.0, "median": took}}, "cores": 2}
    facts, damage = read_facts(json.dumps(said).encode())
    assert facts == {"cores": 2}
    assert "what it says of calculation_ms cannot be" in damage[0].sentence
