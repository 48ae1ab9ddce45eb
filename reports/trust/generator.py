"""The generator's own health: was what it sent sent in time, and did it get every answer's time?

late start    sent - intended, 99th percentile over every request that was sent
timely share  how many of the tries to buy meant within 1 s of T-0 were sent within the plan's
              `timely` of their time (of one in several requests the first is)
release skew  99th percentile of |sent - intended| of the same purchases
read lag      read - done: how long an answer lay in the kernel before the generator took it
"""

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import Final
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from dress_rehearsal.plans import format_duration
from dress_rehearsal.plans.hosts import is_loopback
from dress_rehearsal.records.tables import NO_FREE_PORT, NS_PER_S
from dress_rehearsal.records.timeline import WORKER
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import read_lag_ms
from dress_rehearsal.reports.evidence.samples import Samples, instants, level_on
from dress_rehearsal.reports.numbers import known, percentile, rounded
from dress_rehearsal.reports.schema import Generator
from dress_rehearsal.reports.trust.busy import judge_busy
from dress_rehearsal.reports.trust.doubt import Doubt
from dress_rehearsal.reports.trust.own_limit import judge_own_limit
from dress_rehearsal.reports.words import counted, milliseconds, percent

AROUND_T0_S: Final = 1.0
TIMELY_SHARE: Final = Fraction(99, 100)
CPU_WINDOW_NS: Final = NS_PER_S


@dataclass(frozen=True, slots=True)
class GeneratorFinding:
    """The generator's numbers, and why they make the run unbelievable if they do."""

    generator: Generator
    doubts: tuple[Doubt, ...]


def judge_generator(
    evidence: Evidence,
    *,
    foreign_cpu_cores: float | None = None,
    clock_step_ms: float | None = None,
) -> GeneratorFinding:
    """Return what is found when the generator's delays are held against what the plan lets pass.

    Args:
        foreign_cpu_cores, clock_step_ms: what was found of the rest of the measurement; it stands
            with the generator's numbers.
    """
    plan, frame = evidence.plan, evidence.latency
    late_ms = None
    if plan.load is None:  # Locust's users mean nothing before they send it
        late_ms = rounded(percentile(known(frame.values("generator_ms")), 99))
    skew = clicks_around_t0(evidence)["generator_ms"].abs().to_numpy()
    timely = int((skew <= plan.timely * 1e3).sum())
    doubts = []
    comparable = not evidence.clock_steps  # else who seems late may have been in time
    if comparable and late_ms is not None and late_ms > plan.generator.max_late_start * 1e3:
        doubts.append(
            Doubt(
                f"The generator was late: 1% of requests started more than "
                f"{milliseconds(late_ms)} after their time, the plan allows "
                f"{format_duration(plan.generator.max_late_start)}.",
                "late_sends",
                is_symptom=True,
            )
        )
    if comparable and timely < TIMELY_SHARE * len(skew):
        late = len(skew) - timely
        doubts.append(
            Doubt(
                f"The generator sent {percent(late, len(skew))} of the clicks around T-0 "
                f"({late:,} of {len(skew):,}) more than {milliseconds(plan.timely * 1e3)} late, "
                f"the latest by {milliseconds(float(skew.max()))}; at most 1% may be.",
                "late_sends",
                is_symptom=True,
            )
        )
    own_limit = judge_own_limit(evidence)
    doubts = [*own_limit.doubts, *judge_busy(evidence, doubts), *doubts]
    limited = bool(doubts)
    if frame.empty:
        doubts.append(Doubt("No request was recorded."))
    doubts += _short_of_ports(evidence)
    untimed = int(np.isnan(frame.values("felt_ms", frame.values("answered"))).sum())
    if untimed:
        doubts.append(
            Doubt(
                f"{counted(untimed, 'answer has', 'answers have')} no kernel receive time, so "
                f"their latency is unknown; the generator needs Linux with SO_TIMESTAMPNS."
            )
        )
    lag_ms = known(read_lag_ms(evidence.requests))
    generator = Generator(
        requests=len(frame),
        late_start_p99_ms=late_ms,
        read_lag_p99_ms=rounded(percentile(lag_ms, 99)),
        release_skew_ms=rounded(percentile(skew, 99)),
        released=len(skew),
        timely=timely,
        timely_share=rounded(timely / len(skew), 4) if len(skew) else None,
        cpu_peak=_cpu_peak(evidence.samples),
        foreign_cpu_cores=foreign_cpu_cores,
        clock_step_ms=clock_step_ms,
        held_back_share=own_limit.share,
        limited=limited,
    )
    return GeneratorFinding(generator, tuple(doubts))


def clicks_around_t0(evidence: Evidence) -> pd.DataFrame:
    """Return when the tries to buy around T-0 that were sent were meant, and how late they left."""
    tries = evidence.latency.loc[evidence.buying.begins, ["intended_s", "generator_ms"]]
    return tries[tries["intended_s"].abs() <= AROUND_T0_S].dropna(subset="generator_ms")


def late_clicks(evidence: Evidence) -> pd.DataFrame:
    """Return those of the clicks around T-0 that left too late; none where they are too few to
    doubt the run, where a clock was set, or of Locust's users, who mean nothing before they send
    it."""
    clicks = clicks_around_t0(evidence)
    late = clicks[clicks["generator_ms"].abs() > evidence.plan.timely * 1e3]
    timely = len(clicks) - len(late)
    told = evidence.plan.load is None and not evidence.clock_steps
    return late if told and timely < TIMELY_SHARE * len(clicks) else late[:0]


def _short_of_ports(evidence: Evidence) -> list[Doubt]:
    """Return a doubt where connections were wanted and local ports were few, or none left."""
    number = int((evidence.requests["error"] == NO_FREE_PORT).sum())
    if number:
        return [
            Doubt(
                f"This machine had no local port left for {counted(number, 'connection')}: what "
                f"they did not reach is not the target's doing; `rehearse doctor` tells how many "
                f"there are.",
                "ports",
            )
        ]
    held = _connections(evidence)
    span, url = evidence.environment.get("ip_local_port_range"), evidence.plan.target.url
    if span is None or url is None or not held > (span[1] - span[0] + 1) // 2:
        return []
    host = urlsplit(url).hostname or ""
    if is_loopback(host) and ":" not in host:
        return []  # there they come from many addresses
    return [
        Doubt(
            f"{counted(int(held), 'connection')} from one address were open at once, more than "
            f"half of this machine's local ports: opening them took long here, not there. Widen "
            f"net.ipv4.ip_local_port_range, as `rehearse doctor` says.",
            "ports",
            "this machine was short of local ports",
        )
    ]


def _connections(evidence: Evidence) -> float:
    """Return how many connections one machine had open at once at most, NaN where nobody counted.

    Those of all its processes together: they go to one destination and take the ports of one range.
    """
    hosts = {
        f"worker{event.detail['worker']}": event.detail.get("host")
        for event in evidence.events
        if event.kind == "phase" and event.name == WORKER
    }
    by_host = defaultdict(list)
    for one in evidence.samples.series("generator_connections", "generator"):
        by_host[hosts.get(one.label("generator"))].append(one)
    most = [np.fmax.reduce(level_on(instants(rows), rows)) for rows in by_host.values()]
    return float(np.fmax.reduce(most, initial=np.nan))


def _cpu_peak(samples: Samples) -> float | None:
    """Return the most cores that the generator's processes used over a second, added up."""
    rows = samples.series("process_cpu_seconds_total", "processes", component="generator")
    if not rows:
        return None
    grid = instants(rows)
    total = np.zeros(len(grid))
    for _, _, times, values in rows:
        total += np.interp(grid, times, values)
    start = np.searchsorted(grid, grid - CPU_WINDOW_NS, side="right") - 1
    whole = start >= 0
    if not whole.any():
        return None
    spent = total[whole] - total[start[whole]]
    return rounded(float((spent / ((grid[whole] - grid[start[whole]]) / NS_PER_S)).max()))
