"""`rehearse init`: asks a target a few harmless questions, and writes a plan and a scenario."""

import argparse
from pathlib import Path

from dress_rehearsal.rehearsal.terminal.console import make_console


def add(init: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
    init.add_argument("url", metavar="URL", help="where the app answers: http://127.0.0.1:8000")
    init.add_argument(
        "--out", type=Path, default=Path(), metavar="FOLDER", help="where to write (%(default)s)"
    )
    init.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="HOST",
        help="a host other than this machine that may be asked, because it is yours; repeatable",
    )
    init.add_argument(
        "--ca-file",
        type=Path,
        metavar="FILE",
        help="certificates (PEM) of an authority of your own that the app's https is trusted by",
    )
    init.set_defaults(command=_init)


def _init(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.first_contact.introduction import introduce
    from dress_rehearsal.rehearsal.terminal.sheet import Sheet

    sheet = Sheet(make_console())
    for line in introduce(options.url, options.out, options.allow, options.ca_file):
        sheet.line(line)
    return 0
