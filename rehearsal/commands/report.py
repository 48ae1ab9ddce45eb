"""`rehearse report`: judges a run again from its files alone."""

import argparse
from pathlib import Path

from dress_rehearsal.records.baseline import FILE as BASELINE
from dress_rehearsal.rehearsal.commands.options import add_baseline, add_history, kept_as, opened
from dress_rehearsal.rehearsal.terminal.console import make_console


def add(report: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
    report.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    add_baseline(report)
    add_history(report)
    report.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.terminal.screen import print_verdict
    from dress_rehearsal.reports.capacity.beside import keep_headroom
    from dress_rehearsal.reports.report import write_report

    run, kept, console = opened(options.run), kept_as(options), make_console()
    keeper = kept.keeper(run, lambda said: console.print(said, markup=False))
    keep_headroom(run)
    if options.baseline is None:
        verdict = write_report(run, keeper)
        print_verdict(console, verdict, options.run)
        return verdict.exit_code
    from dress_rehearsal.rehearsal.baseline import Baseline

    baseline = Baseline(options.baseline, run.plan())
    run.write_json(BASELINE, baseline.document)
    verdict = write_report(run, keeper)
    print_verdict(console, verdict, options.run)
    return max(verdict.exit_code, baseline.hold(console, run.path, [run]))  # 99, 3, 0
