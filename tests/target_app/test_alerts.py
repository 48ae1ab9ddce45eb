"""Alerts: told in the background, one of a kind a second, and never at anybody's expense."""

import asyncio
import time
from typing import Any

from dress_rehearsal.target_app.alerts import Alerts
from tests.target_app.growth import Growth


def test_one_of_a_kind_a_second_and_the_others_are_counted(neighbours: Any, growth: Growth) -> None:
    async def run() -> None:
        alerts = Alerts(neighbours.settings["APP_ALERT_URL"])
        await alerts.open()
        for number in range(5):
            alerts.tell("flood", f"It is the {number}th.")
        alerts.tell("other", "It is another.")
        await alerts.close()

    asyncio.run(run())
    told = [(alert["kind"], alert["message"]) for alert in neighbours.alerts()]
    assert told == [("flood", "It is the 0th."), ("other", "It is another.")]
    assert growth.of("alerts_total", kind="flood", result="suppressed") == 4
    calls = {"kind": "alert_api", "name": "tell", "result": "success"}
    assert growth.of("boundary_calls_total", **calls) == 2


def test_a_full_queue_drops_and_telling_never_waits(growth: Growth) -> None:
    async def run() -> float:
        alerts = Alerts("http://127.0.0.1:9")
        began_s = time.monotonic()
        for number in range(150):
            alerts.tell(f"kind{number}", "One of many.")
        took_s = time.monotonic() - began_s
        await alerts.open()
        await alerts.close()
        return took_s

    assert asyncio.run(run()) < 0.5
    assert growth.of("alerts_total", kind="kind149", result="dropped") == 1
    assert growth.of("alerts_total", kind="kind0", result="failed") == 1


def test_without_an_address_alerts_are_only_counted(growth: Growth) -> None:
    async def run() -> None:
        alerts = Alerts(None)
        await alerts.open()
        alerts.tell("lonely", "Nobody hears this.")
        await alerts.close()

    asyncio.run(run())
    assert growth.of("alerts_total", kind="lonely", result="told") == 1
