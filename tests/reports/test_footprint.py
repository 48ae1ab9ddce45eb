"""Memory that a rush leaves behind is told; an app whose memory is steady is not named."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.verdict import judge

MIB = 2**20
SMALL = {"students": 60, "tickets": 20}


def growing(evidence: Evidence, start_mib: float, each_s_mib: float) -> Evidence:
    """Return it with so much memory of each process at T-0, and so much more each second."""
    metrics = evidence.metrics.copy()
    memory = (metrics["name"] == "process_resident_memory_bytes").to_numpy(dtype=bool)
    since_s = (metrics.loc[memory, "t_ns"].to_numpy() - evidence.t0_ns) / 1e9
    metrics.loc[memory, "value"] = MIB * (start_mib + each_s_mib * np.maximum(since_s, 0))
    return dataclasses.replace(evidence, metrics=metrics)


@pytest.mark.parametrize(
    ("start_mib", "each_s_mib", "told"),
    [(80, 0, False), (80, 2, False), (2000, 100, False), (80, 100, True)],
)
def test_memory_that_grows_with_the_rush_is_told(
    evidence_of: Callable[..., Evidence], start_mib: int, each_s_mib: int, told: bool
) -> None:
    evidence = evidence_of(**SMALL)
    verdict = judge(growing(evidence, start_mib, each_s_mib))
    notes = [note for note in verdict.notes if "memory grew" in note]
    assert bool(notes) == told
    assert verdict.verdict == "pass"
    if told:
        assert f"grew from {start_mib * evidence.plan.app.workers} MiB at T-0" in notes[0]


def test_a_run_without_processes_says_nothing_of_memory(
    evidence_of: Callable[..., Evidence],
) -> None:
    evidence = evidence_of(**SMALL)
    metrics = evidence.metrics
    without = metrics[metrics["name"] != "process_resident_memory_bytes"]
    assert not any(
        "memory" in note for note in judge(dataclasses.replace(evidence, metrics=without)).notes
    )


@pytest.mark.parametrize(("each_s_mib", "unit"), [(10, "KiB"), (2000, "MiB")])
def test_what_each_answer_left_is_told_in_a_unit_that_leaves_something_of_it(
    evidence_of: Callable[..., Evidence], each_s_mib: float, unit: str
) -> None:
    evidence = evidence_of(students=600, tickets=200)
    (note,) = (n for n in judge(growing(evidence, 10, each_s_mib)).notes if "memory grew" in n)
    assert f" {unit} for each of " in note
    assert ", 0 " not in note
