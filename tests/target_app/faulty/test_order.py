"""Last come, first served: what was clicked soon after T-0 is granted in the opposite order."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

Start = Callable[..., Any]


@pytest.mark.parametrize("allocation", ["row_lock", "redis_writeback"])
def test_the_last_of_the_first_seconds_is_served_first(
    start_faulty: Start, allocation: str, eventually: Callable[..., Any]
) -> None:
    app = start_faulty(allocation)
    bearers = [app.login(index) for index in range(6)]
    app.switch("last_first", 3.0)
    t0_ns = time.time_ns()
    assert app.reschedule(t0_ns).status_code == 200

    def buy(index: int) -> tuple[str, float]:
        ticket = app.buy(bearers[index]).json()["ticket"]
        return ticket, (time.time_ns() - t0_ns) / 1e9

    with ThreadPoolExecutor(6) as pool:
        answers = []
        for index in range(6):
            answers.append(pool.submit(buy, index))
            eventually(lambda: app.asgi.services.in_flight == len(answers))
        tickets, answered_s = zip(*(answer.result() for answer in answers), strict=True)
    assert min(answered_s) >= 3.0
    numbers = [
        app.http.get(f"/tickets/{ticket}", headers=bearer).json()["number"]
        for ticket, bearer in zip(tickets, bearers, strict=True)
    ]
    assert numbers == [6, 5, 4, 3, 2, 1]


def test_later_and_without_the_fault_nobody_waits(start_faulty: Start) -> None:
    app = start_faulty()
    assert app.reschedule(time.time_ns()).status_code == 200

    def took_s(index: int) -> float:
        bearer, began_s = app.login(index), time.monotonic()
        assert app.buy(bearer).status_code == 202
        return time.monotonic() - began_s

    assert took_s(0) < 0.5
    app.switch("last_first", 1.0)
    time.sleep(1.0)
    assert took_s(1) < 0.5
