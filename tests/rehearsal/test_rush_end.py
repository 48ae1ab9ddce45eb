"""The end of a rush: the conductor hears the generator out, and no longer than that may take."""

from types import SimpleNamespace

import pytest

from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal import rush as rushes
from dress_rehearsal.rehearsal.generator_process import last_words_s
from dress_rehearsal.rehearsal.rush import Rush
from dress_rehearsal.scenarios.last_words import LATE_S, SPEAKING_S, master_ends_within_s

NS = 1_000_000_000
STUDENTS = 10
URL = "http://127.0.0.1:1"
STATUS = {"kind": "note", "text": "still there"}


class Generator:
    """Says something twice a second, and that it is done when it is; time goes by with each line.

    Args:
        done_s: when, None: never.
    """

    exit_code = None
    pid = 0

    def __init__(self, done_s):
        self.now_s, self.done_s = 1000.0, None if done_s is None else 1000.0 + done_s
        self.heard = []

    def stop(self):
        pass

    def next_line(self, within_s):
        if not within_s:
            return None
        self.now_s += within_s
        is_done = self.done_s is not None and self.now_s >= self.done_s
        self.heard.append({"kind": "done"} if is_done else STATUS)
        return self.heard[-1]

    def last_words(self):
        return ""

    @property
    def is_done(self):
        return self.heard[-1]["kind"] == "done"

    @property
    def time(self):
        return SimpleNamespace(
            monotonic=lambda: self.now_s, time_ns=lambda: round(self.now_s * NS), sleep=lambda _: 0
        )


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """Have the end of a rush heard as the conductor does, from its being stopped or from T-0 on."""

    def hear(processes, done_s, *, cut):
        plan = Plan.model_validate(
            {
                "name": "p",
                "event": {"students": STUDENTS, "tickets": 1},
                "schedule": {"sale": "10s", "drain": "5s"},
                "generator": {"processes": processes},
            }
        )
        run = RunDirectory.create(tmp_path, plan)
        quiet = SimpleNamespace(note=lambda _: None, tell=lambda _: None)
        stage = SimpleNamespace(url=URL, dsn="", redis_url="", losses=list)
        rush = Rush(plan, run, [], stage, quiet)
        told = SimpleNamespace(note=lambda *_: None, note_generator_lost=lambda _: None)
        rush._incidents = rush._connections = told
        collector = SimpleNamespace(error=None)
        generator = Generator(done_s if cut else None if done_s is None else 15.0 + done_s)
        monkeypatch.setattr(rushes, "time", generator.time)
        if cut:
            rush._cut(generator, collector)
        else:
            rush._watch(generator, collector, round(generator.now_s * NS))
        return generator.is_done, last_words_s(plan, URL)

    return hear


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "played to its end"])
def test_a_master_is_heard_to_its_longest_end(heard, cut):
    assert heard(2, master_ends_within_s(STUDENTS) - 1, cut=cut)[0]


@pytest.mark.parametrize("students", [100, 100_000])
def test_a_master_whose_workers_fall_silent_is_done_before_it_is_silent_for_too_long(students):
    silent_s = master_ends_within_s(students) - LATE_S - SPEAKING_S
    assert silent_s < rushes._SILENT_S + rushes._SILENT_A_STUDENT_S * students


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "played to its end"])
@pytest.mark.parametrize("processes", [1, 2])
def test_one_that_is_never_done_is_not_waited_for_without_an_end(heard, processes, cut):
    is_done, waited_s = heard(processes, None, cut=cut)
    assert not is_done
    assert heard(processes, waited_s + 1, cut=cut) == (False, waited_s)
    assert heard(processes, waited_s - 1, cut=cut) == (True, waited_s)
