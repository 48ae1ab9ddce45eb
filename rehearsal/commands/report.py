"""`rehearse report`: judges a run again from its files alone."""

import argparse
from pathlib import Path

from dress_rehearsal.rehearsal.commands.options import opened
from dress_rehearsal.rehearsal.terminal.console import make_console


def add(report: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
    report.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    report.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.terminal.screen import print_verdict
    from dress_rehearsal.reports.report import write_report

    run = opened(options.run)
    verdict = write_report(run)
    print_verdict(make_console(), verdict, options.run)
    return verdict.exit_code
