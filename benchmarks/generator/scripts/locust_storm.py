"""The storm with Locust's fast users: each is there before, sleeps until T-0, and asks once."""

import json
import os
import time
from itertools import count
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, constant, events, task
from locust.exception import StopUser

T0_S = int(os.environ["T0_NS"]) / 1e9
STAYS_UNTIL_S = T0_S + float(os.environ["STAY_S"])
ENDS_S = T0_S + 45
STUDENTS = int(os.environ["STUDENTS"])
_numbers = count()
_system_ms: list[float] = []


@events.request.add_listener
def _keep(name: str, response_time: float, **_: Any) -> None:
    if name == "/storm":
        _system_ms.append(response_time)


@events.quitting.add_listener
def _tell(**_: Any) -> None:
    Path("system.json").write_text(json.dumps(_system_ms))


class Student(FastHttpUser):
    """One student; the first one stays until everybody has asked, and the burst is long over."""

    wait_time = constant(0)

    def on_start(self) -> None:
        self.number = next(_numbers)
        self.client.get("/warm", name="/warm")

    @task
    def rush(self) -> None:
        time.sleep(max(T0_S - time.time(), 0))
        self.client.get(f"/storm/{self.number}", name="/storm")
        if self.number == 0:
            while time.time() < (STAYS_UNTIL_S if len(_system_ms) == STUDENTS else ENDS_S):
                time.sleep(0.25)
            # Not from here: to quit is to end whoever is still there, this one too.
            gevent.spawn(self.environment.runner.quit)
        raise StopUser
