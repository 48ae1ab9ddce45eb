"""What Locust's own tables and logs are told of a request."""

import json

CODE = r"""
from locust.env import Environment  # first: it makes the process cooperative
import json
from types import SimpleNamespace
from dress_rehearsal.scenarios.recorder import FAILED, UNKNOWN
from dress_rehearsal.scenarios.locust_command.statistics import feed_once

environment, told = Environment(), []
environment.events.request.add_listener(lambda exception, **_: told.append(exception))
from dress_rehearsal.records.steps import TICKET_OPEN, Steps
rows = [(0, 12.5, 100, FAILED, "\x1b]0;owned\x07\nPASS"), (0, 1.0, 0, UNKNOWN, "abandoned")]
recorder = SimpleNamespace(steps=Steps(TICKET_OPEN), unfed=rows)
list(feed_once(environment, recorder))
print(json.dumps(told))
"""


def test_locust_s_tables_show_a_target_s_word_unobeyed_and_no_failure_that_nobody_missed(apart):
    done = apart(CODE)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [r"\x1b]0;owned\x07\nPASS", None]
