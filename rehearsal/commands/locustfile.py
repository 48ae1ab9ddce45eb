"""`rehearse run locustfile.py --host URL`: the plan that a plain Locust file's options come to."""

import argparse
import ast
import re
from pathlib import Path
from typing import Any, Final

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.plans.files import named, read_bytes
from dress_rehearsal.plans.overrides import override
from dress_rehearsal.plans.problems import option_of
from dress_rehearsal.plans.read import check_plan
from dress_rehearsal.plans.shown import shown_key
from dress_rehearsal.scenarios.kind import kind_of

SUFFIX: Final = ".py"

_MOST_BYTES: Final = 4 * 1024 * 1024
_LONGEST_NAME: Final = 40
_TIME: Final = re.compile(r"(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?")
_OPTIONS: Final = {
    "users": "load.users",
    "spawn_rate": "load.spawn_rate",
    "run_time": "load.run_time",
    "tags": "load.tags",
    "exclude_tags": "load.exclude_tags",
    "host": "target.url",
    "allow": "target.allow",
}
"""The options' names, and the keys of the plan that they set."""


def add_load(parser: argparse.ArgumentParser) -> None:
    """Add what Locust's own command line has for a load."""
    own = parser.add_argument_group("for a plain Locust file", "as for `locust` itself")
    own.add_argument(
        "-H", "--host", metavar="URL", help="the target, such as http://127.0.0.1:8000"
    )
    own.add_argument("-u", "--users", metavar="N", help="how many users at most (1)")
    own.add_argument("-r", "--spawn-rate", metavar="N", help="users begun a second (1)")
    own.add_argument("-t", "--run-time", metavar="TIME", help="for how long, such as 30s or 1h30m")
    own.add_argument("-T", "--tags", nargs="*", metavar="TAG", help="only tasks with one of these")
    own.add_argument("-E", "--exclude-tags", nargs="*", metavar="TAG", help="no task with one")
    own.add_argument(
        "--allow",
        action="append",
        metavar="HOST",
        help="a host other than this machine that load may be sent to; may be repeated",
    )
    own.add_argument("--processes", metavar="N", help=argparse.SUPPRESS)


def refuse_load(options: argparse.Namespace) -> None:
    """Refuse a Locust file's options beside a plan, which has them in itself.

    Raises:
        PlanError: one was given.
    """
    for name, key in _OPTIONS.items():
        if getattr(options, name, None) is not None:
            raise PlanError(
                f"{_option(name)} is for `rehearse run locustfile.py`; a plan says {key} itself, "
                f"or give it with --set."
            )
    _refuse_processes(options)


def load_plan(options: argparse.Namespace, overrides: list[str]) -> Plan:
    """Return the plan that a Locust file and its options come to.

    Args:
        overrides: `section.key=value` texts, put over it.

    Raises:
        PlanError: the file is none of Locust's, or its options are not in order.
    """
    path: Path = options.plan
    _refuse_processes(options)
    if kind_of(path) == "buyers":
        raise PlanError(
            f"{named(path)} has buyers, who need a plan: name the file there, as scenario.file."
        )
    if options.students is not None or options.roster is not None:
        raise PlanError("A plain Locust file has no students: --users says how many users act.")
    host = options.host or _own_host(path)
    load = {
        name: getattr(options, name) for name in ("users", "spawn_rate", "tags", "exclude_tags")
    }
    document: dict[str, Any] = {
        "name": _name(path),
        "scenario": {"file": str(path.absolute())},
        "target": {"stage": "external", "url": host, "allow": options.allow or []},
        "load": {
            **{name: _number(value) for name, value in load.items() if value is not None},
            **({} if options.run_time is None else {"run_time": _duration(options.run_time)}),
        },
    }
    overridden = {key: _option(name) for name, key in _OPTIONS.items()}
    for text in overrides:
        key = override(document, text)
        overridden[key] = option_of(shown_key(key.split(".")))
    return check_plan(document, named(path), overridden)


def _refuse_processes(options: argparse.Namespace) -> None:
    if getattr(options, "processes", None) is not None:
        raise PlanError(
            "--processes is not carried out: one rehearsal has one generator so far, on one core. "
            "Leave it out; the report says where the generator was at its limit."
        )


def _own_host(path: Path) -> str:
    """Return the host that the file's classes have, where it is written out and the same.

    Raises:
        PlanError: there is none, or several.
    """
    tree = ast.parse(read_bytes(path, "The scenario", _MOST_BYTES))
    hosts = {
        statement.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
        and any(isinstance(name, ast.Name) and name.id == "host" for name in statement.targets)
    }
    if len(hosts) == 1:
        host = hosts.pop()
        return host if "://" in host else f"http://{host}"
    found = "has several hosts" if hosts else "names no host"
    raise PlanError(f"{named(path)} {found}: give the target, as --host http://127.0.0.1:8000.")


def _name(path: Path) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")
    return words[:_LONGEST_NAME].strip("-") or "locustfile"


def _number(value: Any) -> Any:
    """Return a number where one is written; what is none is for the plan to refuse."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}\.\d{1,9}", value):
        return float(value)
    return value


def _duration(text: str) -> str:
    """Return a time as Locust takes it (30, 30s, 1h30m), as a plan has it."""
    parts = _TIME.fullmatch(text)
    if parts is None or not text:
        return text
    hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return f"{3600 * hours + 60 * minutes + seconds}s"


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def lacks_load(plan: Plan) -> bool:
    """Return whether a plan's scenario is a plain Locust file that says nothing of its load.

    Raises:
        PlanError: the file and the plan's load do not go together.
    """
    if plan.scenario.file is None:
        return False
    path = Path(plan.scenario.file)
    locust = kind_of(path) == "locust"
    if plan.load is not None and not locust:
        raise PlanError(
            f"The plan has a load, which is for a plain Locust file, and {named(path)} has buyers: "
            f"leave [load] out."
        )
    return locust and plan.load is None
