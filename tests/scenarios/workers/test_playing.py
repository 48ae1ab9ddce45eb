"""A share is ready once all its students are there, whatever Locust says of users before."""

import json

import pytest

# Importing Locust makes a process cooperative.
CODE = r"""
from locust.env import Environment
import json, sys, time
from pathlib import Path
import gevent
from dress_rehearsal.plans import read_plan, seeded_roster
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.scenarios.students.student import Student
from dress_rehearsal.scenarios.timetable import draw_timetable
from dress_rehearsal.scenarios.workers.playing import Playing
from dress_rehearsal.scenarios.workers.share import READY, shares

class Channel:
    said = []

    def send(self, run, kind, content=None):
        self.said.append(kind)

plan = read_plan(Path("smoke"), ["event.students=20", "event.tickets=8", "students.outsiders=0%"])
run = RunDirectory.create(Path(sys.argv[1]), plan)
people = seeded_roster(20, 0, plan.seed)
text = (run.path / "plan.toml").read_text()
url, timetable = "http://127.0.0.1:1", draw_timetable(plan, people)
share = next(shares(run.id, plan, text, url, people, timetable, 1))
environment = Environment(user_classes=[Student])
runner = environment.create_local_runner()
channel, over = Channel(), []
playing = Playing(runner, channel, share, False)
playing.begin(over.append)
seen = []

def look():
    gevent.sleep(0.3)
    seen.append((READY in channel.said, len(over)))

environment.events.spawning_complete.fire(user_count=20)  # the master's word, too early
look()
runner.spawn_users({"Student": 12})
look()
runner.spawn_users({"Student": 8})
look()
playing.end()
look()
print(json.dumps(seen))
"""


@pytest.mark.slow
def test_a_share_is_not_over_before_its_students_have_come(apart, tmp_path):
    done = apart(CODE, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [
        [False, 0],  # before it would have been ready here, and over as nobody was there
        [False, 0],
        [True, 0],
        [True, 1],
    ]


NOBODY = (
    CODE.partition("plan = read_plan")[0]
    + r"""
plan = read_plan(Path("smoke"), ["event.students=3", "event.tickets=1", "students.outsiders=0%"])
run = RunDirectory.create(Path(sys.argv[1]), plan)
people = seeded_roster(3, 0, plan.seed)
text = (run.path / "plan.toml").read_text()
url, timetable = "http://127.0.0.1:1", draw_timetable(plan, people)
share = list(shares(run.id, plan, text, url, people, timetable, 5))[4]
runner = Environment(user_classes=[Student]).create_local_runner()
channel, over = Channel(), []
playing = Playing(runner, channel, share, False)
playing.begin(over.append)
with gevent.Timeout(20):
    while not over:
        gevent.sleep(0.05)
print(json.dumps([len(share.people), over, channel.said[-1]]))
"""
)


def test_a_worker_that_has_nobody_to_play_says_its_last(apart, tmp_path):
    done = apart(NOBODY, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [0, [None], "ended"]


BESIDE = NOBODY.replace(
    "playing.begin(over.append)",
    """playing.begin(over.append)
rush = playing.performance.rush
rush.open_at(time.time_ns())
aside = gevent.spawn(gevent.sleep, 0.5)
rush.asides.add(aside)
aside.link(rush.asides.discard)""",
).replace("print(json.dumps([", "print(json.dumps([aside.successful() and aside.value is None, ")


def test_what_was_sent_beside_is_answered_before_a_worker_says_its_last(apart, tmp_path):
    done = apart(BESIDE, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [True, 0, [None], "ended"]
