"""Whatever a target answers: a row with a word, an end of the story, and the others undisturbed."""

import time

import pandas as pd
import pytest

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.recorded import read_recorded
from dress_rehearsal.records.tables import NOT_KEPT, STUDENT_OUTCOMES
from dress_rehearsal.scenarios.client.http import Answer
from tests.scenarios.hostile_modes import MODES
from tests.scenarios.hostile_target import HostileTarget
from tests.scenarios.offices import QueueOffice, TicketOffice

STUDENTS = 3


@pytest.mark.parametrize("name", MODES)
def test_any_answer_is_an_outcome_with_a_word(name, server, play, make_rush, small_plan):
    mode = MODES[name]
    plan = {"students__attempts": 2, "students__retry": "100%", "students__screenshots": "0%"}
    plan |= {"students__patient": "100%", "students__multi_device": "0%"}
    rush = make_rush(
        small_plan(event__students=STUDENTS, event__tickets=STUDENTS, **plan | dict(mode.plan))
    )
    waiting = rush.plan.app.waiting_room != "off"
    t0_ns = time.time_ns() + 100_000_000
    office = QueueOffice(9, t0_ns + 150_000_000) if waiting else TicketOffice(9)
    server.respond = target = HostileTarget(office, mode)
    outcomes, requests = play(rush, t0_ns)
    run: RunDirectory = rush.recorder._run
    assert target.given, "nobody asked for it"
    assert outcomes[0] in mode.ends
    assert outcomes[1:] == ["ticket"] * (STUDENTS - 1), "the others go their way"
    rows = requests[(requests.student == 0) & (requests.step == mode.step)]
    words = [None if pd.isna(word) else word for word in rows.error.head(target.given)]
    assert words
    assert set(words) <= mode.words
    assert rush.recorder.error is None
    rush.recorder.stamp_losses()
    lost = set(read_recorded(run).unkept)
    for event in run.timeline():
        lost |= {*event.detail["values"]} if event.name == NOT_KEPT else set()
    assert (lost == mode.lost) or ("any" in mode.lost and lost)
    assert rush.census.write(run) is None
    assert run.student_table()["outcome"].to_pylist() == outcomes
    assert rush.in_flight == 0


def broken(*_):
    raise ValueError("a form that nobody thought of")


def test_a_defect_of_ours_ends_one_story_and_says_so(
    server, play, make_rush, small_plan, monkeypatch
):
    rush = make_rush(small_plan())
    server.respond = TicketOffice(1)
    monkeypatch.setattr(Answer, "feed", broken)
    with pytest.raises(ValueError, match="nobody thought of"):
        play(rush)
    rush.recorder.flush()
    requests = rush.recorder._run.request_table().to_pandas()
    assert requests[requests.error == "defect"].outcome.tolist() == ["unknown"]
    assert STUDENT_OUTCOMES[rush.census.outcome[0]] == "failed"
    assert rush.recorder.lost == {"story": 1}


def test_a_defect_of_the_bundled_scenario_is_named_as_anybody_s_is(
    server, play, make_rush, small_plan, monkeypatch
):
    rush = make_rush(small_plan(students__attempts=1))
    server.respond = TicketOffice(1)
    monkeypatch.setattr("dress_rehearsal.scenarios.ticket_open.read_body", broken)
    outcomes, requests = play(rush)
    assert outcomes == ["failed"]
    assert requests.error.dropna().tolist() == ["ValueError"]
    ((trouble, times),) = rush.troubles.counts.items()
    assert trouble.startswith("ValueError in log_in(), line ")
    assert (" of ticket_open.py, after 200" in trouble, times) == (True, 1)


def test_by_the_rules_nothing_is_lost(server, play, make_rush, small_plan):
    rush = make_rush(small_plan(event__students=2, event__tickets=2))
    server.respond = TicketOffice(2)
    outcomes, _ = play(rush)
    assert outcomes == ["ticket"] * 2
    rush.recorder.stamp_losses()
    assert rush.recorder._run.timeline() == []
