"""Every patience with what a fault took down lies within the time that its end may take."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from dress_rehearsal.compose.docker import relays
from dress_rehearsal.compose.docker.compose_file import COMPOSE_FILE
from dress_rehearsal.compose.embedded import service as embedded
from dress_rehearsal.compose.embedded.service import Service
from dress_rehearsal.compose.faults.patience import (
    BACK_WITHIN_S,
    DIES_WITHIN_S,
    ENDS_WITHIN_S,
    GRACE_S,
    LOOK_S,
    RELIEVED_WITHIN_S,
)
from dress_rehearsal.compose.process import KILLED_S
from dress_rehearsal.compose.target import ANSWER_S


class Group:
    """Keeps the patience that each wait is given."""

    def __init__(self) -> None:
        self.patience_s: list[float | None] = []

    def restart(self, name: str) -> str:
        return name

    def wait(self, _who: str, _ready: Callable[[], bool], within_s: float | None = None) -> None:
        self.patience_s.append(within_s)


@pytest.mark.parametrize("name", ["app", "writeback", "neighbours", "kafka"])
def test_each_service_that_comes_back_is_waited_for_once(name: str, tmp_path: Path) -> None:
    service, group = object.__new__(Service), Group()
    vars(service).update(
        targets_dir=tmp_path,
        _processes=group,
        _queue=SimpleNamespace(answers=None),
        admin=SimpleNamespace(neighbours_answer=None),
    )
    service.bring_back(name)
    assert group.patience_s == [BACK_WITHIN_S]


def test_no_service_promises_its_end_later_than_a_faults_end_allows_for() -> None:
    services = yaml.safe_load(COMPOSE_FILE.read_text("utf-8"))["services"]
    promised = [str(one.get("stop_grace_period", "10s")) for one in services.values()]
    assert max(float(each.removesuffix("s")) for each in promised) <= ENDS_WITHIN_S
    assert max(embedded.APP_DRAINS_S, embedded._WRITEBACK_FLUSHES_S) <= ENDS_WITHIN_S


def test_no_look_whether_a_service_works_takes_longer_than_a_faults_end_allows_for() -> None:
    services = yaml.safe_load(COMPOSE_FILE.read_text("utf-8"))["services"]
    checks = [one["healthcheck"]["timeout"] for one in services.values() if "healthcheck" in one]
    assert max(float(each.removesuffix("s")) for each in checks) <= LOOK_S
    assert max(ANSWER_S, relays._ANSWERS_WITHIN_S) <= LOOK_S


def test_the_slowest_end_and_return_of_a_service_lie_within_a_faults_end() -> None:
    ends = ENDS_WITHIN_S + GRACE_S + KILLED_S
    assert ends + BACK_WITHIN_S + LOOK_S <= RELIEVED_WITHIN_S


def test_what_is_killed_is_back_in_time_too() -> None:
    assert DIES_WITHIN_S + KILLED_S + BACK_WITHIN_S < RELIEVED_WITHIN_S


def test_who_comes_back_is_not_taken_for_one_that_ended_and_was_not_reaped(tmp_path: Path) -> None:
    service = object.__new__(Service)
    vars(service).update(
        targets_dir=tmp_path, _processes=Group(), _queue=None, app=SimpleNamespace(writebacks=1)
    )
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        gone, ours = (tmp_path / f"writeback-m-{pid}.json" for pid in (ended.pid, os.getpid()))
        for path in (gone, ours):
            path.write_text("[]")
        service.bring_back("writeback")
        assert (gone.exists(), ours.exists()) == (False, True)
