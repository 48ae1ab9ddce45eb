"""A performance: whatever was sent has a row at its end, and what went wrong stays said."""

import json
import textwrap
import time

import pytest

from tests.scenarios.quick import QUICK

SHOP = """
    import gevent
    from dress_rehearsal.scenarios import Buyer, Granted

    class Customer(Buyer):
        def buy(self):
            self.client.post("/orders")
            {beside}
            return Granted("a-ticket")

        def ask_on(self):
            while True:
                try:
                    self.client.get("/beside")
                except BaseException:
                    pass
"""
# Importing Locust makes a process cooperative.
MADE = r"""
import locust
import json, sys, time
from pathlib import Path
import gevent
from dress_rehearsal.plans import read_plan, seeded_roster
from dress_rehearsal.records import RecordError, RunDirectory
from dress_rehearsal.scenarios.performance import Performance
from dress_rehearsal.scenarios.students.journeys import perform
from dress_rehearsal.scenarios.timetable import draw_timetable

folder, url, waits_s = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
plan = read_plan(Path("smoke"), json.loads(sys.argv[4]))
people = seeded_roster(1, 0, 1)
run = RunDirectory.create(folder / "runs", plan)
played = Performance(run, run.id, plan, people, draw_timetable(plan, people), url, "generator")
rush = played.rush
rush.open_at(time.time_ns() + 100_000_000)
"""
PLAYED = (
    MADE
    + r"""
gevent.spawn(perform, rush, 0).get(timeout=5)
gevent.sleep(waits_s)
played.finish()
left = [rush.in_flight, rush.connections, len(rush.asides)]
rows = run.request_table().to_pylist()
beside = [[row["outcome"], row["error"]] for row in rows if row["step"] == "GET /beside"]
print(json.dumps([left, beside]))
"""
)


@pytest.fixture
def perform(apart, tmp_path, server):
    """Run code that plays a student who does something beside; return what it prints."""

    def run(code, what, waits_s):
        file = tmp_path / "shop.py"
        file.write_text(textwrap.dedent(SHOP.format(beside=what)))
        own = {"target.stage": "external", "target.url": server.url, "scenario.file": str(file)}
        values = json.dumps([f"{key}={value}" for key, value in (QUICK | own).items()])
        done = apart(code, tmp_path, server.url, waits_s, values)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def beside(perform):
    """Play a student who does something beside; return what is recorded of `GET /beside`."""

    def play(what, waits_s=0.0):
        left, rows = json.loads(perform(PLAYED, what, waits_s).splitlines()[-1])
        assert left == [0, 0, 0]
        return rows

    return play


ASIDE = "gevent.spawn(self.client.get, '/beside')"


def after(seconds, respond):
    """Answer what is sent beside after so long."""

    def answer(request, peer):
        if request.path == "/beside":
            time.sleep(seconds)
        return respond(201, {})

    return answer


def test_what_waits_beside_when_the_rush_is_over_is_cut_and_has_a_row(beside, server, respond):
    server.respond = after(1.0, respond)
    assert beside(ASIDE) == [["unknown", "cut"]]


def test_what_is_answered_beside_after_the_story_is_well(beside, server, respond):
    server.respond = after(0.2, respond)
    assert beside(ASIDE, waits_s=0.5) == [["ok", None]]


def test_who_asks_on_beside_whatever_is_raised_holds_up_no_end(beside, server, respond):
    server.respond = after(0.01, respond)
    rows = beside("gevent.spawn(self.ask_on)", waits_s=0.1)
    assert ["ok", None] in rows
    assert ["unknown", "cut"] in rows


FINISHED = (
    MADE
    + r"""
write = rush.census.write

def fails(run):
    def defect():
        raise KeyError("a defect")
    defect = gevent.spawn(defect)
    defect.join()
    played._broken(defect)  # it is met while the census is written, which goes well
    return write(run)

if waits_s:
    rush.census.write = fails
try:
    played.finish()
except RecordError as error:
    print(error)
"""
)


@pytest.mark.parametrize("is_broken", [True, False])
def test_a_defect_that_is_met_amid_the_last_write_is_told(perform, is_broken):
    assert ("because of a defect" in perform(FINISHED, "", int(is_broken))) is is_broken


KEPT = r"""
import locust
import gevent
from types import SimpleNamespace
from dress_rehearsal.records import RecordError
from dress_rehearsal.scenarios.generator import Generator
from dress_rehearsal.scenarios.recorder import Recorder

class Played(SimpleNamespace):
    fail, error = Recorder.fail, None

recorder = Played()

def write(run):
    gevent.sleep(0.1)

rush = SimpleNamespace(is_open=True, census=SimpleNamespace(write=write))
keeping = gevent.spawn(Generator._keep_census, Played(recorder=recorder, rush=rush, _run=None))
gevent.sleep(0.05)
recorder.fail(RecordError("No space left on device."))
gevent.sleep(0.1)
print(recorder.error)
"""


def test_a_census_that_is_written_well_unsays_no_error(apart):
    assert apart(KEPT).stdout == "No space left on device.\n"
