"""Writes a run's report: verdict.json, summary.md, junit.xml and the page, from its files alone."""

from collections.abc import Callable

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.reports.evidence import Evidence, read_evidence
from dress_rehearsal.reports.evidence.columns import give_back
from dress_rehearsal.reports.junit import write_junit
from dress_rehearsal.reports.page import write_page
from dress_rehearsal.reports.schema import Verdict
from dress_rehearsal.reports.summary import write_summary
from dress_rehearsal.reports.verdict import judge
from dress_rehearsal.reports.words import zero_named


def write_report(
    run: RunDirectory,
    keep: Callable[[Evidence, Verdict], None] | None = None,
    evidence: Evidence | None = None,
) -> Verdict:
    """Return a run's verdict, having written everything that people and CI read about it.

    Writing it again gives the same bytes: no clock, no randomness, no machine.

    Args:
        keep: called once it is judged, before the page is written: puts it into a history.
        evidence: what the run left behind, where it has been read already.

    Raises:
        RunDirectoryUnreadableError: a file of the run is damaged.
        RunDirectoryUnusableError: the report cannot be written.
        MetricUnknownError: a gate of the plan names a number that no verdict holds.
    """
    if evidence is None:
        evidence = read_evidence(run)
    with zero_named(evidence.plan, has_t0=evidence.timeline.has_t0):
        verdict = judge(evidence)
        run.write_text("verdict.json", verdict.text())
        run.write_text("summary.md", write_summary(verdict))
        run.write_text("junit.xml", write_junit(verdict))
        if keep is not None:
            keep(evidence, verdict)
        give_back()
        write_page(run, evidence, verdict)
    return verdict
