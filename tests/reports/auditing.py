"""The audit of evidence, as tests of it ask for one."""

from reports.audit import AuditFinding, audit_run
from reports.evidence import Evidence
from reports.reconciliation import reconcile
from reports.samples import Samples


def audited(evidence: Evidence) -> AuditFinding:
    """The whole finding."""
    samples = Samples(evidence.metrics)
    return audit_run(evidence, samples, reconcile(evidence, samples))


def found(evidence: Evidence) -> dict[str, int]:
    """The counters that apply to this run and are not zero."""
    finding = audited(evidence)
    counts = finding.audit.model_dump()
    return {name: counts[name] for name in finding.applicable if counts[name] != 0}
