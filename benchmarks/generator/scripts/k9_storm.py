"""The storm with k9-load: each virtual user is there before, sleeps until T-0, and asks once."""

import time

import k9
from k9.metrics import Trend

URL = k9.env["URL"]
T0_S = int(k9.env["T0_NS"]) / 1e9
STAYS_UNTIL_S = T0_S + float(k9.env["STAY_S"])
system = Trend("storm", time=True)

options = {
    "scenarios": {
        "storm": {
            "executor": "per-vu-iterations",
            "vus": int(k9.env["STUDENTS"]),
            "iterations": 1,
            "maxDuration": "3m",
        },
    },
    "summaryTrendStats": ["p(50)", "p(99)"],
}


async def default() -> None:
    await k9.http.get(f"{URL}/warm", name="warm")
    await k9.sleep(max(T0_S - time.time(), 0))
    answer = await k9.http.get(f"{URL}/storm/{k9.vu.id}", name="storm")
    system.add(answer.timings.duration)
    if k9.vu.id == 1:  # the burst's CPU time is read to its end
        await k9.sleep(max(STAYS_UNTIL_S - time.time(), 0))
