"""What Locust's master makes of what its workers say: files by their names, and clocks."""

from types import SimpleNamespace

import gevent

from dress_rehearsal.plans import seeded_people
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.steps import Steps
from dress_rehearsal.records.timeline import SHARDS_MISSING
from dress_rehearsal.scenarios.locust_command.clocks import Clocks, now
from dress_rehearsal.scenarios.locust_command.gathering import Gathering
from dress_rehearsal.scenarios.locust_command.share import ended
from dress_rehearsal.scenarios.timetable import draw_timetable

MS = 1_000_000


def test_a_file_that_did_not_arrive_is_missed_by_its_name(tmp_path, small_plan):
    plan = small_plan(event__students=4)
    run = RunDirectory.create(tmp_path, plan)
    timetable = draw_timetable(plan, list(seeded_people(plan)))
    gathering = Gathering(run, timetable, 0, ["a", "b"], Steps([]))
    names = [f"worker1-{number:06}.parquet" for number in range(3)]
    gathering.shard("b", {"name": names[0], "content": b"0"})
    gathering.shard("b", {"name": names[2], "content": b"2"})
    gathering.ended("a", ended(None))
    gathering.ended("b", ended(None, shards=names))
    gathering.write()
    [missing] = [event for event in run.timeline() if event.name == SHARDS_MISSING]
    assert missing.detail == {"worker": 1, "files": [names[1]]}


def answering(ahead_ms):
    """Return a master's clocks, whose workers' are so far ahead; None: one that never answers."""
    asked = []

    def send(kind, data, worker):
        asked.append(worker)
        ahead = ahead_ms[worker]
        if ahead is None:
            return
        # The first answer is slow on one way, and would make it half a second.
        gevent.spawn_later(0.2 if asked.count(worker) == 1 else 0, tell, data, worker, ahead)

    def tell(data, worker, ahead):
        answer = now(SimpleNamespace(data=data))
        answer["now_ns"] += round(ahead * MS)
        clocks.take(SimpleNamespace(node_id=worker, data=answer))

    clocks = Clocks(send)
    return clocks


def test_a_clock_is_as_far_as_the_quickest_answer_says():
    found = answering({"a": 120.0, "b": -3.0}).compare(["a", "b"])
    assert found.keys() == {"a", "b"}
    for worker, ahead_ms in {"a": 120.0, "b": -3.0}.items():
        assert abs(found[worker].offset_ms - ahead_ms) <= found[worker].within_ms < 100


def test_a_worker_that_does_not_answer_keeps_nobody_waiting_for_ever():
    assert answering({"a": 1.0, "b": None}).compare(["a", "b"]).keys() == {"a"}


def test_what_was_not_asked_is_not_listened_to():
    clocks = answering({"a": 1.0})
    clocks.take(SimpleNamespace(node_id="z", data={"asked_ns": 0, "now_ns": 10**18}))
    assert clocks.compare(["a"]).keys() == {"a"}
