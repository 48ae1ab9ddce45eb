"""The storm with Locust's fast users: each is there before, sleeps until T-0, and asks once."""

import json
import os
import time
from itertools import count
from pathlib import Path
from typing import Any

from locust import FastHttpUser, constant, events, task
from locust.exception import StopUser

T0_S = int(os.environ["T0_NS"]) / 1e9
STAYS_UNTIL_S = T0_S + float(os.environ["STAY_S"])
_numbers = count()
_system_ms: list[float] = []


@events.request.add_listener
def _keep(name: str, response_time: float, exception: Exception | None, **_: Any) -> None:
    if name == "/storm" and exception is None:
        _system_ms.append(response_time)


@events.quitting.add_listener
def _tell(**_: Any) -> None:
    Path("system.json").write_text(json.dumps(_system_ms))


class Student(FastHttpUser):
    """One student; the first one stays, so that the burst's CPU time can be read to its end."""

    wait_time = constant(0)

    def on_start(self) -> None:
        self.number = next(_numbers)
        self.client.get("/warm", name="/warm")

    @task
    def rush(self) -> None:
        time.sleep(max(T0_S - time.time(), 0))
        self.client.get(f"/storm/{self.number}", name="/storm")
        if self.number == 0:
            time.sleep(max(STAYS_UNTIL_S - time.time(), 0))
            self.environment.runner.quit()
        raise StopUser
