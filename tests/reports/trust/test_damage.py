"""What a full disk of this machine takes from a stage is not held against the target."""

import pytest

from dress_rehearsal.records.timeline import OUT_OF_SPACE
from dress_rehearsal.reports.evidence import read_evidence
from dress_rehearsal.reports.trust import judge_trust
from dress_rehearsal.reports.verdict import judge
from tests.reports import synthetic_run


@pytest.mark.slow
def test_what_a_full_temporary_folder_took_is_a_doubt(tmp_path):
    run = synthetic_run.build_run(
        tmp_path, students=60, tickets=20, component_lost="postgres", oversell=2
    )
    assert judge(read_evidence(run)).verdict == "fail"
    moment = run.timeline()[5].t_ns
    run.stamp("abort", OUT_OF_SPACE, t_ns=moment, reason="The temporary folder /tmp is full.")
    evidence = read_evidence(run)
    verdict = judge(evidence)
    assert verdict.verdict == "inconclusive"
    assert verdict.reasons[0] == "The run was out of space: The temporary folder /tmp is full."
    assert any(
        reason.startswith("Lost: ") and "no space left" in reason for reason in verdict.reasons
    )
    assert any(reason.startswith("Oversold") for reason in verdict.reasons)
    assert all(gate.status != "fail" for gate in verdict.gates)


def test_a_sound_run_is_proof(tmp_path):
    run = synthetic_run.build_run(tmp_path, students=60, tickets=20)
    assert judge_trust(read_evidence(run)).unproven is None
