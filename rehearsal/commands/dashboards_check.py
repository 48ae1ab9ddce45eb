"""`rehearse dashboards check`: says of every panel whether it has data of a run."""

import argparse
from pathlib import Path

from dress_rehearsal.rehearsal.commands.options import opened
from dress_rehearsal.rehearsal.terminal.console import make_console


def add(check: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
    check.add_argument("run", type=Path, metavar="RUN", help="a run with Prometheus' data")
    check.set_defaults(command=_check_dashboards, only_output=True)


def _check_dashboards(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.dashboards_check import check_dashboards

    return check_dashboards(opened(options.run), make_console())
