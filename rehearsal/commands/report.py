"""`rehearse report`: judges a run again from its files alone."""

import argparse
import importlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.baseline import FILE as BASELINE
from dress_rehearsal.rehearsal.commands.options import add_baseline, add_history, kept_as, opened
from dress_rehearsal.rehearsal.terminal.console import make_console

if TYPE_CHECKING:
    from dress_rehearsal.rehearsal.baseline import Baseline


def add(report: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
    report.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    add_baseline(report)
    add_history(report)
    report.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    from dress_rehearsal.reports.evidence import read_evidence

    run, kept, console = opened(options.run), kept_as(options), make_console()
    baseline = None if options.baseline is None else _baseline(options.baseline, run)
    # What draws takes about as long to load as a large run to be read, by Arrow without the GIL.
    # Read it is here, where Ctrl-C cuts it short.
    threading.Thread(target=_load_what_draws, name="loading").start()
    evidence = read_evidence(run)
    from dress_rehearsal.rehearsal.terminal.screen import print_verdict
    from dress_rehearsal.reports.capacity.beside import keep_headroom
    from dress_rehearsal.reports.report import write_report

    keep_headroom(run)
    keeper = kept.keeper(run, lambda said: console.print(said, markup=False))
    verdict = write_report(run, keeper, evidence)
    print_verdict(console, verdict, options.run)
    if baseline is None:
        return verdict.exit_code
    return max(verdict.exit_code, baseline.hold(console, run.path, [run]))  # 99, 3, 0


def _load_what_draws() -> None:
    """Import what draws and writes the report, so that it is there once the run has been read."""
    importlib.import_module("dress_rehearsal.rehearsal.terminal.screen")
    importlib.import_module("dress_rehearsal.reports.report")


def _baseline(path: Path, run: RunDirectory) -> "Baseline":
    """Return what a run is held against, having said so in the run."""
    from dress_rehearsal.rehearsal.baseline import Baseline

    baseline = Baseline(path, run.plan())
    run.write_json(BASELINE, baseline.document)
    return baseline
