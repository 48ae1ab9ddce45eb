"""What Locust's own tables and logs are told of a request."""

import json
import subprocess
import sys

CODE = r"""
from locust.env import Environment  # first: it makes the process cooperative
import json
from types import SimpleNamespace
from dress_rehearsal.scenarios.recorder import FAILED
from dress_rehearsal.scenarios.locust_command.statistics import feed_once

environment, told = Environment(), []
environment.events.request.add_listener(lambda exception, **_: told.append(exception))
from dress_rehearsal.records.steps import TICKET_OPEN, Steps
rows = [(0, 12.5, 100, FAILED, "\x1b]0;owned\x07\nPASS")]
recorder = SimpleNamespace(steps=Steps(TICKET_OPEN), unfed=rows)
list(feed_once(environment, recorder))
print(json.dumps(told))
"""


def test_a_target_s_word_for_a_failure_is_shown_in_locust_s_tables_and_not_obeyed():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [r"\x1b]0;owned\x07\nPASS"]
