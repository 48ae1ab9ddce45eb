"""The retry policy: so many attempts, a share that tries again, and the draws each error takes."""

import numpy as np
import pytest

from dress_rehearsal.scenarios.answers.body import NOTHING
from dress_rehearsal.scenarios.recorder import FAILED, OK
from dress_rehearsal.scenarios.students.call import Reply
from dress_rehearsal.scenarios.students.retry import Retry
from dress_rehearsal.scenarios.timetable import Luck

NORMALS = np.linspace(-2, 2, 32, dtype=np.float32)
UNIFORMS = np.linspace(0, 0.999, 32, dtype=np.float32)


@pytest.fixture
def make_retry(small_plan):
    """A policy, and the luck it draws on."""

    def make(**overrides):
        luck = Luck(NORMALS, UNIFORMS)
        return Retry(small_plan(**overrides), luck), luck

    return make


def failing(*outcomes):
    """Attempts that end so, 1 ms after they were meant; and the times they were meant for."""
    left, meant = list(outcomes), []

    def attempt(intended_ns):
        meant.append(intended_ns)
        return Reply(left.pop(0), None, intended_ns + 1_000_000, NOTHING)

    return attempt, meant


def is_ok(reply):
    return reply.outcome == OK


def test_the_first_answer_that_settles_it_ends_it_and_takes_no_draw(make_retry):
    retry, luck = make_retry()
    attempt, meant = failing(OK)
    assert retry.persist(attempt, 5, is_ok).outcome == OK
    assert (meant, luck.position) == ([5], 0)


def test_an_error_takes_a_draw_for_whether_and_then_one_for_when(make_retry):
    retry, luck = make_retry(students__retry_delay="20ms")
    attempt, meant = failing(FAILED, FAILED, OK)
    reply = retry.persist(attempt, 0, is_ok)
    expected = [0]
    for draw in (2, 4):
        delay_ns = round(0.02 * np.exp(0.5 * float(NORMALS[draw])) * 1e9)
        expected.append(expected[-1] + 1_000_000 + delay_ns)
    assert (reply.outcome, luck.position) == (OK, 4)
    assert meant == expected


def test_the_last_attempt_s_error_takes_its_draws_too(make_retry):
    retry, luck = make_retry(students__attempts=3)
    attempt, meant = failing(FAILED, FAILED, FAILED)
    assert retry.persist(attempt, 0, is_ok).outcome == FAILED
    assert (len(meant), luck.position) == (3, 6)


def test_who_does_not_try_again_stops_at_the_first_error(make_retry):
    retry, luck = make_retry(students__retry="0%")
    attempt, meant = failing(FAILED)
    assert retry.persist(attempt, 0, is_ok).outcome == FAILED
    assert (len(meant), luck.position) == (1, 1)


def test_pauses_have_the_plan_s_medians(make_retry):
    retry, luck = make_retry(students__retry_delay="2s", students__early_retry="500ms")
    reply = Reply(FAILED, None, 7, NOTHING)
    for pause, median_ns in ((retry.after_pause, 2e9), (retry.after_too_early, 0.5e9)):
        luck.position = 0
        assert pause(reply) == 7 + round(median_ns * np.exp(0.5 * float(NORMALS[1])))
