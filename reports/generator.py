"""The generator's own health: can this measurement be trusted?

late start   sent - intended, 99th percentile over every request that was sent
read lag     read - done: how long an answer lay in the kernel before the generator took it
release skew 99th percentile of |sent - intended| of purchases meant within 1 s of T-0
"""

from dataclasses import dataclass

import numpy as np

from dress_rehearsal.plans import format_duration
from dress_rehearsal.records.tables import NS_PER_S, PURCHASE
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.samples import Samples, label
from dress_rehearsal.reports.numbers import percentile, rounded
from dress_rehearsal.reports.schema import Generator
from dress_rehearsal.reports.words import counted, milliseconds

AROUND_T0_S = 1.0
CPU_WINDOW_NS = NS_PER_S


@dataclass(frozen=True, slots=True)
class GeneratorFinding:
    """The generator's numbers, and why they make the run unbelievable if they do."""

    generator: Generator
    problems: tuple[str, ...]


def judge_generator(evidence: Evidence) -> GeneratorFinding:
    """Return what is found when the generator's delays are held against what the plan lets pass."""
    allowed, frame = evidence.plan.generator, evidence.latency
    lateness = frame["generator_ms"].dropna()
    released = frame[(frame["step"] == PURCHASE) & (frame["intended_s"].abs() <= AROUND_T0_S)]
    late_ms = rounded(percentile(lateness.to_numpy(), 99))
    skew_ms = rounded(percentile(released["generator_ms"].dropna().abs().to_numpy(), 99))
    problems = []
    if late_ms is not None and late_ms > allowed.max_late_start * 1e3:
        problems.append(
            f"The generator was late: 1% of requests started more than {milliseconds(late_ms)} "
            f"after their time, the plan allows {format_duration(allowed.max_late_start)}."
        )
    if skew_ms is not None and skew_ms > allowed.max_release_skew * 1e3:
        problems.append(
            f"The release at T-0 was ragged: 1% of purchases started more than "
            f"{milliseconds(skew_ms)} after their time, the plan allows "
            f"{format_duration(allowed.max_release_skew)}."
        )
    generator = Generator(
        requests=len(frame),
        late_start_p99_ms=late_ms,
        read_lag_p99_ms=rounded(percentile(frame["read_lag_ms"].dropna().to_numpy(), 99)),
        release_skew_ms=skew_ms,
        cpu_peak=_cpu_peak(evidence.samples),
        limited=bool(problems),
    )
    if frame.empty:
        problems.append("No request was recorded.")
    untimed = int((frame["answered"] & frame["felt_ms"].isna()).sum())
    if untimed:
        problems.append(
            f"{counted(untimed, 'answer has', 'answers have')} no kernel receive time, so their "
            f"latency is unknown; the generator needs Linux with SO_TIMESTAMPNS."
        )
    return GeneratorFinding(generator, tuple(problems))


def _cpu_peak(samples: Samples) -> float | None:
    """Return the most cores that the generator's processes used over a second, added up."""
    rows = samples.named("process_cpu_seconds_total", "processes", component="generator")
    if rows.empty:
        return None
    grid = np.unique(rows["t_ns"])
    total = np.zeros(len(grid))
    for _, process in rows.groupby(label(rows, "pid")):
        total += np.interp(grid, process["t_ns"].to_numpy(), process["value"].to_numpy())
    start = np.searchsorted(grid, grid - CPU_WINDOW_NS, side="right") - 1
    whole = start >= 0
    if not whole.any():
        return None
    spent = total[whole] - total[start[whole]]
    return rounded(float((spent / ((grid[whole] - grid[start[whole]]) / NS_PER_S)).max()))
