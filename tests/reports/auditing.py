"""The audit of evidence, as tests of it ask for one."""

from dress_rehearsal.reports.audit import AuditFinding, audit_run
from dress_rehearsal.reports.evidence import Evidence


def audited(evidence: Evidence) -> AuditFinding:
    """The whole finding."""
    return audit_run(evidence)


def found(evidence: Evidence) -> dict[str, int]:
    """The counters that apply to this run and are not zero."""
    return counted(audited(evidence))


def counted(finding: AuditFinding) -> dict[str, int]:
    """The counters of a finding that apply and are not zero."""
    counts = finding.audit.model_dump()
    return {name: counts[name] for name in finding.applicable if counts[name] != 0}
