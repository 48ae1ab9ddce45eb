"""The calibration: what our generator reports, beside what a server of known times has seen.

Requests come at random, as many independent people do (given their number, Poisson arrivals are
uniform draws), whatever the server does meanwhile. Felt is from when a student meant to act, and
the system's is from when the request was sent; the server's own truth for both is of the same
requests. Each student's intended time is drawn again here from the plan, so it is no word of the
generator's either.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.generator.cores import GENERATOR, placed_on
from benchmarks.generator.generator_process import GeneratorProcess, Part, rows
from benchmarks.generator.peers.peer import SCRIPTS, PeerFailedError
from benchmarks.generator.truth import Figure, figures, known_server
from dress_rehearsal.scenarios.timetable import draw_timetable

_LEAD_S: Final = 4.0
"""Time in which everybody's connection is made."""
_SPARE_S: Final = 1.0
_ENDS_WITHIN_S: Final = 40.0
STEP: Final = "GET /known/{number}"
_COLUMNS: Final = ("student", "intended_ns", "sent_ns", "done_ns")


@dataclass(frozen=True, slots=True)
class Case:
    """What the server does, by its arguments and in words."""

    key: str
    name: str
    service: tuple[str, ...]


def cases(arriving_s: float) -> tuple[Case, ...]:
    """Return the servers; the stall comes in the middle."""
    return (
        Case("constant", "20 ms each", ("constant", "20")),
        Case("bimodal", "5 ms, and 80 ms one time in twenty", ("bimodal", "5", "80", "0.05")),
        Case(
            "stall",
            "5 ms each, and once nothing for 2 s",
            ("stall", "5", f"{arriving_s / 2 - 1:g}", "2"),
        ),
    )


@dataclass(frozen=True, slots=True)
class Calibration:
    """What came of one case."""

    requests: int
    felt: list[Figure]
    system: list[Figure]

    @property
    def is_right(self) -> bool:
        """Whether every figure is near enough to the truth."""
        return all(figure.is_right for figure in (*self.felt, *self.system))


def calibrate(case: Case, requests: int, arriving_s: float) -> Calibration:
    """Have so many students arrive within so many seconds, each with one request.

    Raises:
        PeerFailedError: the generator did not end, or not every request was answered and recorded.
    """
    with tempfile.TemporaryDirectory(prefix="bench_") as name:
        folder = Path(name)
        with known_server(folder, *case.service) as truth:
            part = Part(
                SCRIPTS / "buyers.py",
                "LoggingIn",
                requests,
                _LEAD_S,
                sale=arriving_s + _SPARE_S,
                habits={"login_before": "0%", "login_at_open": f"{arriving_s:g}s"},
            )
            with placed_on(GENERATOR):
                generator = GeneratorProcess(part, truth.url, folder, {})
            with generator.running as running:
                t0_ns = time.time_ns() + round((_LEAD_S + _SPARE_S) * 1e9)
                generator.go(t0_ns)
                running.await_end(arriving_s + _ENDS_WITHIN_S)
        student, intended_ns, sent_ns, done_ns = (
            column.to_numpy() for column in rows(generator.run.path, STEP).select(_COLUMNS).columns
        )
        if len(truth.numbers) != requests or sorted(student) != sorted(truth.numbers):
            raise PeerFailedError(
                f"of {requests:,} requests {len(truth.numbers):,} came "
                f"and {len(student):,} were recorded. {running.last_words}"
            )
        at_s = draw_timetable(generator.plan, generator.people).login_at_s[truth.numbers]
        meant_ns = t0_ns + np.round(at_s * 1e9).astype(np.int64)
        return Calibration(
            requests,
            felt=figures((done_ns - intended_ns) / 1e6, (truth.answered_ns - meant_ns) / 1e6),
            system=figures((done_ns - sent_ns) / 1e6, truth.own_ms),
        )
