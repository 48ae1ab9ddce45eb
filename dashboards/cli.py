"""The commands `rehearse dashboards build | push`; `check`, which starts a server, joins them."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - unnamed else


def add_commands(commands: "Commands", make_console: Callable[[], Console]) -> "Commands":
    """Declare `dashboards` and its commands; return them, for more to be added.

    Args:
        make_console: gives where a command is to show what it did.
    """
    own = commands.add_parser(
        "dashboards", help="build the Grafana dashboards, or push them to a Grafana"
    ).add_subparsers(required=True, metavar="COMMAND")
    build = own.add_parser("build", help="write files for Grafana's provisioning")
    build.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the JSON files"
    )
    build.set_defaults(command=_build, make_console=make_console)
    push = own.add_parser(
        "push",
        help="put them into a Grafana",
        description="Puts data source, folder and dashboards in place; "
        "pushed again, it changes only what differs. The token of a service account is read "
        "from the environment variable REHEARSE_GRAFANA_TOKEN.",
    )
    push.add_argument(
        "--url", required=True, help="where Grafana answers, such as https://grafana.example.org"
    )
    push.add_argument(
        "--datasource-url",
        metavar="URL",
        help="where Grafana reaches Prometheus; makes the data source if it is missing",
    )
    push.add_argument(
        "--allow-http",
        action="store_true",
        help="send the token over http, unencrypted, to another machine",
    )
    push.add_argument("--ca-file", type=Path, metavar="FILE", help="trust these certificates (PEM)")
    push.set_defaults(command=_push, make_console=make_console)
    return own


def _build(options: argparse.Namespace) -> int:
    from dress_rehearsal.dashboards.build import write
    from dress_rehearsal.plans.files import check_folder

    check_folder(options.out, "--out")
    console = options.make_console()
    for path in write(options.out):
        console.print(escape(str(path)))
    return 0


def _push(options: argparse.Namespace) -> int:
    from dress_rehearsal.dashboards.build import dashboards
    from dress_rehearsal.dashboards.push import push
    from dress_rehearsal.dashboards.push.client import TOKEN_VARIABLE

    pushed = push(
        options.url,
        os.environ.get(TOKEN_VARIABLE),
        dashboards(),
        datasource_url=options.datasource_url,
        allow_http=options.allow_http,
        ca_file=options.ca_file,
    )
    console = options.make_console()
    for part, outcome in pushed.outcomes.items():
        console.print(f"{escape(part)}: {outcome}")
    for note in pushed.notes:
        console.print(escape(note), style="yellow")
    console.print(f"Look at {escape(pushed.url)}")
    return 0
