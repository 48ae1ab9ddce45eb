"""The generator's own state: what the live screen and the metrics table are told of it."""

import time

import gevent

from dress_rehearsal.records.clock import ClockOffset
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.client.scheduler import scheduler
from dress_rehearsal.scenarios.outcomes import StudentOutcome
from dress_rehearsal.scenarios.status import Observer


def test_the_observer_tells_the_loop_s_lag_and_the_census(server, make_rush, small_plan):
    rush = make_rush(small_plan(event__students=4))
    observer = Observer(rush)
    watching = gevent.spawn(observer.watch_loop)
    gevent.sleep(0.02)
    time.sleep(0.1)  # the loop is blocked
    gevent.sleep(0.02)
    status = observer.status()
    watching.kill()
    assert status.loop_lag_s > 0.05
    assert status.students["never_started"] == 4
    assert status.felt_p99_ms is None


def test_a_turn_that_has_not_come_yet_is_told_as_lag(make_rush, small_plan):
    observer = Observer(make_rush(small_plan(event__students=4)))
    watching = gevent.spawn(observer.watch_loop)
    gevent.sleep(0.005)
    for _ in range(60):  # answers that take long to read
        scheduler().soon(lambda: time.sleep(0.01))
    gevent.sleep(0.2)
    observer.status()
    gevent.sleep(0.1)
    status = observer.status()
    watching.kill()
    time.sleep(0.1)  # nobody measures any more
    assert status.loop_lag_s > 0.1
    assert observer.status().loop_lag_s < 0.1
    while len(scheduler()):
        gevent.sleep(0.01)


def test_the_observer_tells_of_a_clock_that_is_set(make_rush, small_plan):
    ahead_ns = [0]
    clock = ClockOffset(lambda: time.time_ns() + ahead_ns[0])
    observer = Observer(make_rush(small_plan(event__students=4)), clock)
    assert observer.status().clock_offset_s == 0
    ahead_ns[0] = -3_000_000_000
    assert abs(observer.status().clock_offset_s + 3) < 0.01


def test_the_observer_tells_of_every_whole_second_once(make_rush, small_plan):
    rush = make_rush(small_plan(event__students=4))
    observer = Observer(rush)
    first = observer.status()
    rush.census.became(0, StudentOutcome.IN_FLIGHT)
    rush.census.became(0, StudentOutcome.TICKET)
    rush.census.became(1, StudentOutcome.IN_FLIGHT)
    gevent.sleep(1.1)
    told = [second for _ in range(2) for second in observer.status().seconds]
    assert first.seconds == []
    begun_s = first.t_ns // NS_PER_S
    assert [second["at_s"] for second in told] == list(range(begun_s, begun_s + len(told)))
    assert sum(second["arrivals"] for second in told) == 2
