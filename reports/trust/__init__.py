"""Can this measurement be trusted: did the generator keep up, was the machine ours alone, was
everything heard of, did the clocks run on, can the record be read?

What is found here never says that the target failed, only that this run cannot say so.
"""

from dataclasses import dataclass

from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.schema import Generator
from dress_rehearsal.reports.trust.clocks import judge_clocks
from dress_rehearsal.reports.trust.coverage import judge_coverage, stood_still
from dress_rehearsal.reports.trust.damage import IN_PLAIN_SIGHT, judge_damage, why_unproven
from dress_rehearsal.reports.trust.doubt import UNCOUNTED
from dress_rehearsal.reports.trust.foreign_cpu import judge_foreign_cpu
from dress_rehearsal.reports.trust.generator import judge_generator
from dress_rehearsal.reports.trust.scenario import judge_scenario
from dress_rehearsal.reports.trust.speed import speed_notes
from dress_rehearsal.reports.trust.workers import judge_workers, why_astray

FINDINGS = (
    "foreign_cpu",
    "steal",
    "cpu_limit",
    "late_sends",
    "clock_step",
    "clocks_apart",
    UNCOUNTED,
    "gap",
    "ports",
    "damage",
    "smaller_rush",
)
"""What can be found, as the part of a finding's word after `trust.`."""


@dataclass(frozen=True, slots=True)
class TrustFinding:
    """How far a run can be believed.

    Attributes:
        generator: the measurement's own numbers.
        causes, symptoms: sentences; each makes the run decide nothing. Of a symptom, such as
            requests that left late, something else may be why.
        notes: sentences that are told and decide nothing.
        findings: those of `FINDINGS` that occurred.
        untimely: why what was slow may not be the target's doing, the end of a sentence; None where
            it is.
        unproven: why what seems a wrong, or a loss, may be none of the target's, the end of a
            sentence; None where it is.
        out_of_space: whether this machine had no space left, for the stage either.
    """

    generator: Generator
    causes: tuple[str, ...]
    symptoms: tuple[str, ...]
    notes: tuple[str, ...]
    findings: frozenset[str]
    untimely: str | None
    unproven: str | None
    out_of_space: bool

    def proves(self, counter: str) -> bool:
        """Return whether what a counter of the audit has counted is a wrong of the target's.

        What is to be seen is one whatever else is missing; but a stage without space may do
        anything.
        """
        shown = counter in IN_PLAIN_SIGHT and not self.out_of_space
        return self.unproven is None or shown

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the run decides nothing: what to mend first, then what may come of it."""
        return (*self.causes, *self.symptoms)


def judge_trust(evidence: Evidence) -> TrustFinding:
    """Return how far a run can be believed, and why no further."""
    foreign = judge_foreign_cpu(evidence)
    clocks = judge_clocks(evidence)
    own = judge_generator(evidence, foreign_cpu_cores=foreign.cores, clock_step_ms=clocks.step_ms)
    scenario_doubts, scenario_notes = judge_scenario(evidence)
    worker_doubts, worker_notes = judge_workers(evidence)
    doubts = [
        *judge_damage(evidence),
        *clocks.doubts,
        *own.doubts,
        *foreign.doubts,
        *judge_coverage(evidence),
        *scenario_doubts,
        *worker_doubts,
    ]
    stolen = () if foreign.stolen is None else (foreign.stolen,)
    # The host alone makes no run decide nothing; it may be why something else does.
    is_why = any(doubt.is_symptom for doubt in doubts)
    return TrustFinding(
        generator=own.generator,
        causes=(
            *(doubt.sentence for doubt in doubts if not doubt.is_symptom),
            *(stolen if is_why else ()),
        ),
        symptoms=tuple(doubt.sentence for doubt in doubts if doubt.is_symptom),
        notes=(
            *foreign.notes,
            *(() if is_why else stolen),
            *speed_notes(evidence),
            *scenario_notes,
            *worker_notes,
        ),
        findings=frozenset(
            [
                *(doubt.word for doubt in doubts if doubt.word),
                *(["steal"] if foreign.stolen else []),
                *(["late_sends"] if stood_still(evidence) else []),
            ]
        ),
        untimely=next((doubt.untimely for doubt in doubts if doubt.untimely), None),
        unproven=why_unproven(evidence) or why_astray(evidence),
        out_of_space=evidence.timeline.out_of_space,
    )
