"""The audit of evidence, as tests of it ask for one."""

from dress_rehearsal.reports.audit.tickets import AuditFinding, audit_run
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.reconciliation import reconcile
from dress_rehearsal.reports.samples import Samples


def audited(evidence: Evidence) -> AuditFinding:
    """The whole finding."""
    samples = Samples(evidence.metrics)
    return audit_run(evidence, samples, reconcile(evidence, samples))


def found(evidence: Evidence) -> dict[str, int]:
    """The counters that apply to this run and are not zero."""
    finding = audited(evidence)
    counts = finding.audit.model_dump()
    return {name: counts[name] for name in finding.applicable if counts[name] != 0}
