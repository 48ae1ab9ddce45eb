"""Reads a run directory and judges it: analysis, audit, gates, verdict, figures and pages."""

from reports.document import Verdict, verdict_schema
from reports.errors import MetricUnknown, ReportError
from reports.metric_path import check_metric_names
from reports.report import write_report
from reports.verdict import judge

__all__ = [
    "MetricUnknown",
    "ReportError",
    "Verdict",
    "check_metric_names",
    "judge",
    "verdict_schema",
    "write_report",
]
