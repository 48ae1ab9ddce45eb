"""Limits: what grows with the students, as a plan needs it and as this machine has it.

A finding advises only what helps: no limit that is wide enough already, none that nobody here may
raise, no number of workers that would not be enough. Where nothing on this machine helps, it says
how many students fit.
"""

import math
import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psutil

from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.sections.generator import is_forked, processes_of
from dress_rehearsal.rehearsal.preflight.finding import Finding, Status
from dress_rehearsal.reports.words import counted, written
from dress_rehearsal.scenarios.client.local_address import LOOPBACK_ADDRESSES, SHARE, spreads
from dress_rehearsal.scenarios.client.origin import Origin

CPUS: Final = "CPUs"
"""The check that compares cores with what of ours wants one."""
_CONNECTIONS_PER_STUDENT: Final = 1.3
"""[A] One each, and some more for double clicks and for those who were cut off."""
_SPARE_FILES: Final = 500
_FOLLOWED: Final = Path("/proc/sys/net/netfilter")
"""Where Linux tells of the connections that a firewall follows: since `docker` or `iptables` made a
rule that needs it, those over loopback too."""
_WIDEST_PORTS: Final = (1024, 65535)
"""The ports that are not of the system's own services."""
_CAP_SYS_RESOURCE: Final = 24
"""The capability to raise a hard limit, see capabilities(7)."""
_MEMORY_BASE_BYTES: Final = 370 * 2**20
"""[M] Conductor (236 MiB) and generator (130) before there is a student. What is measured here is
by `make bench-memory`."""
_MEMORY_OF_FORKED_BYTES: Final = 46 * 2**20
"""[M] A further process of the generator, forked, before it has a student (45.6 MiB)."""
_MEMORY_OF_STARTED_BYTES: Final = 130 * 2**20
"""[M] … and one that shares nothing with the others, as on other systems than Linux."""
_MEMORY_OF_STAGE_BYTES: Final = 300 * 2**20
"""[A] Workers and stores of our own: what they share is counted once."""
_MEMORY_PER_STUDENT_BYTES: Final = 15 * 2**10
"""[M] In the generator (14.8 KiB), with what is recorded of a student's requests."""
_MEMORY_IN_APP_BYTES: Final = 36 * 2**10
"""[M] Of a student in all of the reference app's workers (34.5 KiB)."""
_MEMORY_PER_CONNECTION_BYTES: Final = 7 * 2**10
"""[M] Its two ends in the kernel (6.9 KiB)."""


def limit_findings(plan: Plan, machine: dict[str, Any]) -> list[Finding]:
    """Return how a machine compares with what so many students need.

    Args:
        machine: its facts, as `records.machine.environment` has them.
    """
    return [
        _open_files(plan, machine),
        *([_app_files(plan, machine)] if plan.target.stage == "embedded" else []),
        _ports(plan, machine),
        *_followed(plan, machine),
        _cpus(plan, machine),
        _memory(plan, _processes(plan, machine)),
    ]


def may_be_raised(files: int) -> bool:
    """Return whether somebody on this machine may let a process have so many files open."""
    most = _number(Path("/proc/sys/fs/nr_open"))
    if most is not None and files > most:
        return False
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return not root or _may_raise_limits()


def _may_raise_limits() -> bool:
    """Return whether this process has the right to, which root in a container may lack."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return True  # another system, where root may
    held = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(held.split()[1], 16) >> _CAP_SYS_RESOURCE & 1)


def _processes(plan: Plan, machine: dict[str, Any]) -> int:
    """Return how many processes of this machine play the students."""
    return processes_of(plan, plan.target.url or "", machine["cores_usable"])


def _open_files(plan: Plan, machine: dict[str, Any]) -> Finding:
    elsewhere = plan.generator.workers
    playing = max(_processes(plan, machine) + elsewhere, 1)
    needed = math.ceil(_connections(plan) / playing) + _SPARE_FILES
    soft, hard, status = _file_limits(machine, needed)
    limits = (
        "Connections one process can hold; the soft limit is raised to the hard one by the run."
    )
    change = None if status == "ok" else f"ulimit -Sn {needed}"
    if status == "fail":
        change = _raised(needed)
        if change is None and hard > _SPARE_FILES:
            students = math.floor((hard - _SPARE_FILES) / _CONNECTIONS_PER_STUDENT)
            limits += (
                f" Nobody here may raise the hard one: at most {counted(students, 'student')} fit "
                f"a process of the generator."
            )
            needs = math.ceil(_connections(plan) / (hard - _SPARE_FILES))
            change = f"rehearse run --set generator.processes={needs - elsewhere}"
    value = f"{_count(soft)} (hard {_count(hard)})"
    shared = written(needed)
    if playing > 1:
        shared += f" in each of {written(playing)} processes"
    return Finding("open files", value, shared, status, limits, change, hard > _SPARE_FILES)


def _app_files(plan: Plan, machine: dict[str, Any]) -> Finding:
    """Return whether the app's workers can hold the other ends of the students' connections."""
    own = _SPARE_FILES + plan.app.postgres_pool + plan.app.redis_pool
    needed = math.ceil(_connections(plan) / plan.app.workers) + own
    soft, hard, status = _file_limits(machine, needed)
    limits = "Connections one worker of the app can hold: the other ends of the students'."
    change = None if status == "ok" else f"ulimit -Sn {needed}"
    if status == "fail":
        change = _raised(needed)
        if change is None and hard > own:
            workers = math.ceil(_connections(plan) / (hard - own))
            change = f"rehearse run --set app.workers={workers}"
            limits += " Nobody here may raise the hard limit: more workers hold more."
    value = f"{_count(soft)} (hard {_count(hard)})"
    shared = f"{written(needed)} in each of {counted(plan.app.workers, 'worker')}"
    return Finding("open files of the app", value, shared, status, limits, change, hard > own)


def _file_limits(machine: dict[str, Any], needed: int) -> tuple[float, float, Status]:
    soft, hard = (
        math.inf if machine[name] is None else machine[name]
        for name in ("nofile_soft", "nofile_hard")
    )
    return soft, hard, _reached(soft, hard, needed)


def _raised(needed: int) -> str | None:
    """Return the command that raises the hard limit, None where it cannot be raised."""
    if not may_be_raised(needed):
        return None
    return f"sudo prlimit --pid $$ --nofile={needed}:{needed}"


def _ports(plan: Plan, machine: dict[str, Any]) -> Finding:
    needed = _connections_here(plan, machine)
    span = machine["ip_local_port_range"]
    several = spreads(_address(plan))
    limits = (
        "Connections from one address of this machine to the target: beyond half of the ports each "
        "one takes 40 times as long to open."
    )
    if span is None:
        return Finding("local ports", "unknown", written(needed), "ok", limits, None)
    ports = _span(span)
    value = f"{written(ports)} ({span[0]}-{span[1]})"
    value += f" from each of {LOOPBACK_ADDRESSES} addresses" if several else ", half of them"
    if _held(ports, several=several) >= needed:
        return Finding("local ports", value, written(needed), "ok", limits, None)
    most = _held(_span(_WIDEST_PORTS), several=several)
    change = None
    if most >= needed:
        first, last = _WIDEST_PORTS
        change = f'sudo sysctl -w net.ipv4.ip_local_port_range="{first} {last}"'
    else:
        students = math.floor(most / _CONNECTIONS_PER_STUDENT)
        limits += (
            f" All ports there are would do for {counted(students, 'student')}: for more, have "
            f"other machines play too (generator.workers)."
        )
    return Finding("local ports", value, written(needed), "fail", limits, change, fewer_help=True)


def _followed(plan: Plan, machine: dict[str, Any]) -> list[Finding]:
    """Return whether the firewall's table has room for the connections; nothing where none is."""
    most, taken = (_number(_FOLLOWED / f"nf_conntrack_{each}") for each in ("max", "count"))
    if not most or not taken:  # no table, no limit, or nothing that fills it
        return []
    needed = _connections_here(plan, machine)
    enough = most - taken >= needed
    return [
        Finding(
            "firewall's table",
            f"{written(max(most - taken, 0))} free of {written(most)} connections",
            written(needed),
            "ok" if enough else "warn",
            "Connections that the firewall follows (conntrack), closed ones for two minutes more; "
            "beyond it new ones are dropped, which looks like a target that does not answer.",
            None
            if enough
            else f"sudo sysctl -w net.netfilter.nf_conntrack_max={2 * (taken + needed)}",
        )
    ]


def _span(ports: Any) -> int:
    return int(ports[1]) - int(ports[0]) + 1


def _held(ports: int, *, several: bool) -> int:
    """Return how many connections so many ports are enough for."""
    return ports // SHARE * LOOPBACK_ADDRESSES if several else ports // 2


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
    playing = max(_processes(plan, machine), 1)
    needed = playing + (plan.app.workers + 1 if ours else 0)
    usable = min(machine["cores_usable"], machine["cpu_quota"] or math.inf)
    enough = usable >= needed
    limits = (
        "With fewer, the generator and the app take CPU from each other; the report says how much."
    )
    spare = math.floor(usable) - playing - 1  # beside the generator and the stores
    change = None
    if not enough:
        if ours and spare >= 1:
            change = f"rehearse run --set app.workers={spare}    # or a larger machine"
        else:
            limits += " Only a machine with more changes that."
    return Finding(
        CPUS,
        f"{usable:g}",
        f"{needed} (generator{', stores, app workers' if ours else ''})",
        "ok" if enough else "warn",
        limits,
        change,
    )


def _memory(plan: Plan, processes: int) -> Finding:
    memory = psutil.virtual_memory()
    # One is the generator itself; where there are several it only leads them.
    led = processes if processes > 1 or plan.generator.workers else 0
    further = _MEMORY_OF_FORKED_BYTES if is_forked(plan) else _MEMORY_OF_STARTED_BYTES
    base = _MEMORY_BASE_BYTES + further * led
    each = float(_MEMORY_PER_STUDENT_BYTES)
    each += _MEMORY_PER_CONNECTION_BYTES * _CONNECTIONS_PER_STUDENT
    if plan.target.ours:
        base, each = base + _MEMORY_OF_STAGE_BYTES, each + _MEMORY_IN_APP_BYTES
    needed = base + each * plan.event.students
    status = _reached(memory.available, memory.total, needed)
    limits = "Students and connections held at once; beyond it processes are killed."
    if status == "fail":
        students = max(math.floor((memory.total - base) / each), 0)
        limits += f" All of this machine's would do for {counted(students, 'student')}."
    return Finding(
        "memory",
        f"{size(memory.available)} free of {size(memory.total)}",
        f"{size(needed)} (estimate)",
        status,
        limits,
        "ps aux --sort=-rss | head" if status == "warn" else None,
        memory.total >= base + each,
    )


def size(count: float) -> str:
    """Return a number of bytes as people read it."""
    return f"{count / 2**30:.1f} GiB"


def _reached(there: float, obtainable: float, needed: float) -> Status:
    return "ok" if there >= needed else "warn" if obtainable >= needed else "fail"


def _connections(plan: Plan) -> int:
    return math.ceil(plan.event.students * _CONNECTIONS_PER_STUDENT)


def _connections_here(plan: Plan, machine: dict[str, Any]) -> int:
    """Return how many of the students' connections this machine's processes open."""
    here = _processes(plan, machine)
    return math.ceil(_connections(plan) * here / max(here + plan.generator.workers, 1))


def _count(number: float) -> str:
    return "unlimited" if number == math.inf else written(int(number))


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
