"""Workers that are forked share what their master has imported, and none of what is its alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from dress_rehearsal.plans import read_plan
from dress_rehearsal.records import RunDirectory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="they are forked there only")

BEGIN = """
import gc, os, sys
import locust
from gevent import monkey
from pathlib import Path
from dress_rehearsal.scenarios.workers.__main__ import line_said
from dress_rehearsal.scenarios.workers.process import forked_workers, input_of
"""
ENDS = """
kept, gone = os.pipe()
workers = forked_workers(2, (kept, gone))
if workers is None:
    print(line_said(), line_said(), line_said() == "", flush=True)
    os._exit(7)
monkey.get_original("os", "close")(gone)
print(os.read(kept, 1))  # its end: no worker has the other one
one, other = workers
one.tell("127.0.0.1", 5557, "/folder", b"\\1\\2")
input_of(one).close()
print(one.wait(20), other.poll())
other.kill()
print(other.wait(20), other.poll())
other.tell("127.0.0.1", 5557, "/folder", b"")
"""
SHARED = """
if len(sys.argv) > 1:
    gc.freeze = lambda: None
workers = forked_workers(1, ())
if workers is None:
    gc.collect()
    said = Path("/proc/self/smaps_rollup").read_text().splitlines()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in said[1:]}
    print(kib["Private_Dirty"] < kib["Shared_Dirty"] / 4)
    sys.exit()
print(workers[0].wait(20))
"""
BEFOREHAND = """
from dress_rehearsal.scenarios.generator import forked_beforehand
print(forked_beforehand(Path(sys.argv[1]), "http://127.0.0.1:9"))
"""


def said_by(code, *words):
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_each_hears_its_master_alone_and_its_end_is_told():
    assert said_by(ENDS) == [
        "b''",
        '["127.0.0.1", "5557", "/folder"] 0102 True',
        "7 None",
        "-9 -9",
    ]


@pytest.mark.slow
def test_looking_for_garbage_leaves_shared_what_was_there_before():
    assert said_by(SHARED) == ["True", "0"]
    assert said_by(SHARED, "thawed") == ["False", "0"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "number"),
    [
        pytest.param(["generator.processes=3"], 3, id="several"),
        pytest.param(["generator.processes=1"], 0, id="one"),
        pytest.param(
            [
                "generator.processes=3",
                "generator.workers=1",
                "target.stage=external",
                "target.url=http://127.0.0.1:9",
            ],
            0,
            id="some from elsewhere, whose secret the environment has",
        ),
    ],
)
def test_they_are_forked_where_several_play_and_no_secret_is_there(apart, tmp_path, values, number):
    run = RunDirectory.create(tmp_path, read_plan(Path("smoke"), values))
    done = apart(BEGIN + BEFOREHAND, run.path)
    assert (done.returncode, done.stdout) == (0, f"{number}\n"), done.stderr
