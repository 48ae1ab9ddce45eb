"""The machine, and whose versions were measured on it."""

import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from benchmarks.generator.peers.peer import found
from dress_rehearsal.records.machine import environment

_COMMANDS: Final = {
    "wrk": ("wrk", "-v"),
    "nginx": ("/usr/sbin/nginx", "-v"),
    "k6": ("k6", "version"),
}
_PACKAGES: Final = {"Locust": "locust", "k9-load": "k9-load", "hey": None}
_FOLLOWED: Final = Path("/proc/sys/net/netfilter/nf_conntrack_count")
_VERSION: Final = re.compile(r"\d+(\.\d+)+")


def described() -> dict[str, Any]:
    """Return the facts of the machine that a reader of a benchmark wants to know."""
    facts = environment()
    known = ("cpu", "cores", "memory_gib", "os", "kernel", "python", "git_commit")
    return {**{key: facts[key] for key in known}, "versions": versions()}


def connections_followed() -> int | None:
    """Return how many connections the firewall follows just now; None where there is no such table.

    What needs it is one rule, such as those that dockerd leaves behind; each packet costs more
    then, over loopback too. The table of a network namespace is its own.
    """
    try:
        return int(_FOLLOWED.read_text(encoding="ascii"))
    except OSError:
        return None


def versions() -> dict[str, str]:
    """Return the versions of what is there, by its name."""
    told = {name: _said(*command) for name, command in _COMMANDS.items()}
    for name, package in _PACKAGES.items():
        told[name] = _debian(name) if package is None else _installed(package)
    return {name: each for name, each in sorted(told.items()) if each is not None}


def _said(program: str, option: str) -> str | None:
    path = found(program)
    if path is None:
        return None
    # Some end with an error when they are only asked who they are.
    said = subprocess.run([path, option], capture_output=True, text=True, check=False, timeout=10)
    match = _VERSION.search(said.stdout + said.stderr)
    return None if match is None else match[0]


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _debian(package: str) -> str | None:
    """Return the version of a program that does not tell it itself."""
    if found("dpkg-query") is None or found(package) is None:
        return None
    query = ["dpkg-query", "--show", "--showformat", "${Version}", package]
    said = subprocess.run(query, capture_output=True, text=True, check=False, timeout=10)
    return said.stdout.strip() or None
