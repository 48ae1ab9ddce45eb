"""`rehearse history`: keeps what runs came to, and shows where their numbers changed."""

import argparse
from pathlib import Path
from typing import Final

from dress_rehearsal.plans import PlanError
from dress_rehearsal.plans.files import check_folder
from dress_rehearsal.rehearsal.commands.options import BROKEN, add_label, label_in, opened
from dress_rehearsal.rehearsal.terminal.arguments import number, whole_number
from dress_rehearsal.rehearsal.terminal.console import make_console
from dress_rehearsal.reports.markdown import plain

_LAST: Final = "20"
_MOST: Final = 10_000


def add(history: argparse.ArgumentParser) -> None:
    """Add its commands and their arguments to its parser."""
    commands = history.add_subparsers(required=True, metavar="COMMAND")
    adding = commands.add_parser("add", help="put runs into a history")
    adding.add_argument("runs", type=Path, metavar="RUN", nargs="+", help="run directories")
    adding.add_argument(
        "--to",
        type=Path,
        metavar="FOLDER",
        required=True,
        help="folder of the history; it is made where there is none",
    )
    add_label(adding)
    adding.set_defaults(command=_add)
    showing = commands.add_parser("show", help="show the last runs, and what changed when")
    showing.add_argument("folder", type=Path, metavar="FOLDER", help="folder of the history")
    showing.add_argument("--plan", metavar="NAME", help="only runs of this plan")
    showing.add_argument(
        "--metric",
        action="append",
        default=[],
        metavar="METRIC",
        help="show only this number, such as census.failed; may be repeated",
    )
    showing.add_argument(
        "--last", default=_LAST, metavar="N", help="how many runs are shown (%(default)s)"
    )
    showing.add_argument(
        "--max-pvalue",
        default="0.001",
        metavar="P",
        help="how clearly the values before and after a change must differ: the largest p of a "
        "t-test (%(default)s); a smaller one shows fewer and clearer changes",
    )
    showing.add_argument(
        "--min-magnitude",
        default="0.05",
        metavar="SHARE",
        help="a change is told when it is at least this large, as a share of the smaller value: "
        "0.05 is 5%% (%(default)s)",
    )
    showing.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="also write it there, as a page, Markdown, JSON and figures",
    )
    showing.set_defaults(command=_show)


def _add(options: argparse.Namespace) -> int:
    from dress_rehearsal.records import RecordError
    from dress_rehearsal.reports.errors import ReportError
    from dress_rehearsal.reports.history.folder import entry_in, remember
    from dress_rehearsal.reports.words import agreeing, counted

    check_folder(options.to, "--to")
    label, console, failed = label_in(options), make_console(), 0
    for run in [opened(path) for path in options.runs]:
        try:
            remember(options.to, entry_in(run, label))
        except (RecordError, ReportError) as error:
            console.print(f"{run.id} is left out: {error}", style="red", markup=False)
            failed += 1
    added = len(options.runs) - failed
    runs, are = counted(len(options.runs), "run"), agreeing(added, "is", "are")
    console.print(f"{added} of {runs} {are} in {options.to}.", markup=False)
    return BROKEN if failed else 0


def _show(options: argparse.Namespace) -> int:
    from dress_rehearsal.reports.history.folder import read_history
    from dress_rehearsal.reports.history.series import series_of
    from dress_rehearsal.reports.several.history import HistoryReport

    last = whole_number(options.last, "--last", 2, _MOST)
    max_pvalue = number(options.max_pvalue, "--max-pvalue", 1e-12, 0.5)
    min_magnitude = number(options.min_magnitude, "--min-magnitude", 0, 100)
    if options.out is not None:
        check_folder(options.out, "--out")
    entries, left_out = read_history(options.folder)
    entries = [entry for entry in entries if options.plan in (None, entry.plan)]
    known = {metric for entry in entries for metric in entry.numbers}
    if not entries:
        of = "" if options.plan is None else " of that plan"
        said = " ".join(["There is no run" + of + " in this history.", *left_out])
        raise PlanError(said)
    if not known >= set(options.metric):
        raise PlanError(
            "--metric: no run of this history has such a number; known are, for one, "
            f"{', '.join(sorted(known)[:5])}. `--out` writes all of them."
        )
    series = series_of(
        entries,
        max_pvalue=max_pvalue,
        min_magnitude=min_magnitude,
        wanted=options.metric,
    )
    report = HistoryReport(
        series,
        left_out,
        wanted=options.metric,
        last=last,
        max_pvalue=max_pvalue,
        min_magnitude=min_magnitude,
    )
    make_console().print(plain(report.markdown()), markup=False, soft_wrap=True)
    if options.out is not None:
        report.write(options.out)
    return 0
