"""How fast the machine itself was beside a run is told, and decides nothing of it."""

import dataclasses

import pytest

from dress_rehearsal.reports.page.facts import environment_facts
from dress_rehearsal.reports.trust import judge_trust
from dress_rehearsal.reports.verdict import judge


@pytest.fixture
def beside(evidence_of):
    """The evidence of a run whose machine took so long before and after, in ms."""

    def build(**took_ms):
        evidence = evidence_of(students=200, tickets=60)
        told = {when: {"best": 1.0, "median": took} for when, took in took_ms.items()}
        facts = {**evidence.environment, "calculation_ms": told}
        return dataclasses.replace(evidence, environment=facts)

    return build


@pytest.mark.parametrize(
    ("before", "after", "end"),
    [(21.0, 40.0, "1.9 times slower in the end"), (40.0, 21.0, "1.9 times faster in the end")],
)
def test_a_speed_that_changed_meanwhile_is_a_note_and_no_doubt(beside, before, after, end):
    verdict = judge(beside(before=before, after=after))
    (said,) = (note for note in verdict.notes if "speed changed" in note)
    took = f"a fixed calculation took {before:.0f} ms before and {after:.0f} ms after the run"
    assert took in said
    assert end in said
    assert (verdict.verdict, verdict.doubts) == ("pass", ())


@pytest.mark.parametrize("took", [{"before": 21.0, "after": 25.0}, {"before": 21.0}, {}])
def test_a_steady_machine_and_one_that_was_not_measured_twice_are_no_note(beside, took):
    assert not [note for note in judge_trust(beside(**took)).notes if "speed" in note]


def test_the_page_has_a_row_of_it_in_words(beside, evidence_of):
    rows = dict(environment_facts(beside(before=21.0, after=40.0)))
    assert rows["speed"] == "a fixed calculation took 21 ms before and 40 ms after the run"
    assert dict(environment_facts(beside(before=21.0)))["speed"].endswith("21 ms before the run")
    assert "calculation ms" not in rows
    assert "speed" not in dict(environment_facts(evidence_of(students=200, tickets=60)))
