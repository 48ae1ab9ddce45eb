"""A plan's own faults happen to the whole rehearsal, are told, and are nobody's fault."""

import pytest

pytestmark = [pytest.mark.rehearsal, pytest.mark.xdist_group("planned faults")]

FAULTS = (
    '[{ name = "worker_crash", at = "T+500ms" },'
    ' { name = "redis_down", at = "T+1s", lasts = "500ms" }]'
)


@pytest.fixture(scope="module")
def faulty(rehearse):
    """A worker dies, Redis is away for a while, and the enrolment API answers only errors."""
    command = rehearse(
        f"faults={FAULTS}",
        "app.allocation=atomic_update",
        "app.enrolment=external",
        "app.enrolment_failures=100%",
    )
    command.ended(100)
    return command


def timeline(command, kind):
    return [event for event in command.run.timeline() if event.kind == kind]


def test_each_is_on_the_timeline_when_it_began_and_ended(faulty):
    (t0,) = timeline(faulty, "t0")
    told = [
        (event.name, event.detail["on"], (event.t_ns - t0.t_ns) / 1e9)
        for event in timeline(faulty, "fault")
    ]
    (crash, crashed), (down, up) = (
        [one for one in told if one[0] == name] for name in ("worker_crash", "redis_down")
    )
    assert crash[1] is True
    assert crash[2] >= 0.5
    assert crashed[1] is False
    assert down[1] is True
    assert down[2] >= 1.0
    assert up[1] is False
    assert up[2] >= 1.5


def test_what_they_took_was_planned_and_not_held_against_the_target(faulty):
    losses = timeline(faulty, "process")
    assert {event.name for event in losses} == {"app", "redis"}
    assert all(event.detail["planned"] for event in losses)
    assert not [reason for reason in faulty.verdict["reasons"] if reason.startswith("Lost:")]


def test_the_app_s_alerts_are_on_the_timeline(faulty):
    alerts = timeline(faulty, "alert")
    assert "enrolment_unasked" in {event.name for event in alerts}
    assert all(event.detail["message"] for event in alerts)


def test_they_are_shown_as_they_happen(faulty):
    shown = faulty.output()
    assert "Fault worker_crash: a worker of the app is killed." in shown
    assert "Fault redis_down is over." in shown
    assert "Alert enrolment_unasked" in shown


def test_nothing_is_left_running(faulty):
    faulty.await_nothing_left(5)
