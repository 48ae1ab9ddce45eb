"""What was killed for its memory is told with its limit; who only came near it is no culprit."""

import dataclasses
from collections.abc import Sequence

import pandas as pd
import pytest

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.verdict import judge
from tests.reports.cause.altered_runs import SMALL, cause_of
from tests.reports.contained_runs import MIB, contained, with_rows

pytestmark = pytest.mark.slow

LIMIT = 256 * MIB
KILLED = "a process of app-1 was killed because app-1 needed more than its memory limit of 256 MiB"


MACHINES = "a process of app-1 was killed because the whole machine had no memory left"


def needing(
    evidence: Evidence,
    container: str,
    *,
    most: float,
    kills: int = 0,
    full: tuple[float, float] | None = (0.4, 1.0),
    events: float | None = None,
    limit: float | None = LIMIT,
    pids: Sequence[str] = (),
) -> Evidence:
    """The same run in which a container needed so much memory of its 256 MiB from T-0 on.

    Args:
        full: how far the limit was used up at most, before T-0 and then; None: nobody looked.
        events: how often it left no choice, as version 2 of cgroups counts; None: version 1.
    """
    extra = {
        "container_memory_working_set_bytes": most,
        "container_oom_events_total": kills,
        "container_spec_memory_limit_bytes": limit,
        "container_memory_oom_total": events,
    }
    known = {name: value for name, value in extra.items() if value is not None}
    altered = contained(evidence, container, limit=None, extra=known, pids=pids)
    if full is None:
        return altered
    altered = contained(altered, container, limit=None, extra={"container_memory_peak_ratio": 1.0})
    ratio = altered.metrics["name"] == "container_memory_peak_ratio"
    later = altered.metrics["t_ns"] >= altered.t0_ns
    altered.metrics.loc[ratio, "value"] = later[ratio].map({False: full[0], True: full[1]})
    return altered


def available(evidence: Evidence, bytes_left: float) -> Evidence:
    """The same run on a machine of 4 GiB that had so much memory left all the time."""
    times = evidence.samples.named("machine_cpu_used_ratio", "kernel")["t_ns"].unique()
    sizes = {"machine_memory_bytes": 4096 * MIB, "machine_memory_available_bytes": bytes_left}
    rows = [
        pd.DataFrame({"t_ns": times, "source": "kernel", "name": name, "labels": "{}", "value": v})
        for name, v in sizes.items()
    ]
    return with_rows(evidence, rows)


def test_who_was_killed_fails_the_run_with_its_limit(evidence_of):
    evidence = available(evidence_of(**SMALL), 2048 * MIB)
    verdict = judge(needing(evidence, "app-1", most=250 * MIB, kills=1))
    assert verdict.verdict == "fail"
    assert verdict.reasons[0].startswith(f"Out of memory: {KILLED}, at T-0")
    several = judge(needing(evidence, "app-1", most=250 * MIB, kills=3))
    assert several.reasons[0].endswith("; 3 processes in all.")


def test_failures_around_a_kill_are_its(evidence_of):
    evidence = available(evidence_of(**SMALL, failed=30), 2048 * MIB)
    line = cause_of(needing(evidence, "app-1", most=250 * MIB, kills=1)).cause
    assert line.startswith("Cause of failures: most of them overloaded")
    assert line.endswith(f"; {KILLED}.")
    near = cause_of(needing(evidence, "app-1", most=250 * MIB)).cause
    assert "memory" not in near


@pytest.mark.parametrize(
    ("counted", "left", "said"),
    [
        ({"events": 1}, 2048, KILLED),
        ({"events": 1}, 10, KILLED),
        ({"events": 0}, 2048, MACHINES),
        ({"full": (0.4, 1.0)}, 10, KILLED),
        ({"full": (0.4, 0.5)}, 2048, f"{MACHINES}, not its own limit of 256 MiB"),
        ({"full": (1.0, 1.0)}, 2048, KILLED),
        ({"full": (1.0, 1.0)}, 10, "limit of 256 MiB or the whole machine's, which nobody can"),
        ({"full": None}, 2048, "limit of 256 MiB or the whole machine's, which nobody can tell"),
        ({"limit": None}, 2048, f"{MACHINES}, at"),
    ],
)
def test_whose_memory_had_run_out_is_what_the_cgroup_says(evidence_of, counted, left, said):
    evidence = available(evidence_of(**SMALL), left * MIB)
    verdict = judge(needing(evidence, "app-1", most=250 * MIB, kills=1, **counted))
    assert said in verdict.reasons[0]


def test_who_came_near_its_limit_is_a_note_and_no_more(evidence_of):
    evidence = evidence_of(**SMALL)
    verdict = judge(needing(evidence, "postgres", most=250 * MIB))
    assert verdict.verdict == "pass"
    assert "Postgres needed 250 MiB of memory at most, 97.7% of its limit of 256 MiB." in (
        verdict.notes
    )
    assert verdict.bottleneck is None
    far = judge(needing(evidence, "postgres", most=100 * MIB))
    assert not [note for note in far.notes if "memory" in note]


def test_what_the_plans_own_fault_killed_is_told_and_fails_nothing(evidence_of):
    healthy = available(evidence_of(**SMALL), 2048 * MIB)
    evidence = needing(healthy, "app-1", most=250 * MIB, kills=1)
    verdicts = {}
    for squeezed in ("app", "app-1", "app-2", "redis"):
        faults = [(f"memory_limit {squeezed}", -1.0, 3.0)]
        events = evidence_of(**SMALL, faults=faults).events
        verdicts[squeezed] = judge(dataclasses.replace(evidence, events=events))
    assert {name: each.verdict for name, each in verdicts.items()} == {
        "app": "pass",
        "app-1": "pass",
        "app-2": "fail",
        "redis": "fail",
    }
    assert any(note.startswith(f"Out of memory: {KILLED}") for note in verdicts["app"].notes)
    other = needing(healthy, "app-2", most=250 * MIB, kills=1)
    events = evidence_of(**SMALL, faults=[("memory_limit app", -1.0, 3.0)]).events
    assert judge(dataclasses.replace(other, events=events)).verdict == "fail", "app is app-1"
