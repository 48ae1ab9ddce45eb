"""Which process of a test run takes which tests, so that neither processors nor waits stand idle.

Half of the tests work (they judge runs, read plans) and half wait (for servers, for rehearsals).
`--numprocesses auto --dist loadgroup` has processes for both: as many as there are processors
begin with what works, at a lower priority, and a few more begin with what waits. They take from the
two ends of one row and meet in its middle. `logical` has only those that work, and no rehearsal
that they would have to give way to. A file's tests go to one process, a group's too.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling

WAITING = 2
"""Processes that begin with what waits."""
_NICENESS = 19
"""Of those that work: behind the apps of stages, which have 10 and a time to be ready in."""
_working: set[str] = set()
"""The names of the processes that begin with what works, known to their controller."""


class FromBothEnds(LoadGroupScheduling):
    """Hands out files and groups: from the end of the row to whoever works, else from its front."""

    def _split_scope(self, nodeid: str) -> str:
        return super()._split_scope(nodeid).partition("::")[0]

    def _assign_work_unit(self, node: Any) -> None:
        if node.gateway.id in _working:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


def in_row(items: list[pytest.Item]) -> list[pytest.Item]:
    """Put whole units in a row: rehearsals, what needs servers, and last what only works.

    The largest stand at both ends: what is left for the end of the run, in the middle, is small.
    """
    units: dict[str, list[pytest.Item]] = {}
    for item in items:
        units.setdefault(_unit_of(item), []).append(item)

    def place(unit: list[pytest.Item]) -> tuple[int, int]:
        marked = {mark.name for item in unit for mark in item.iter_markers()}
        if "rehearsal" in marked:
            return 0, 0
        return (1, -len(unit)) if "servers" in marked else (2, len(unit))

    return [item for unit in sorted(units.values(), key=place) for item in unit]


def _unit_of(item: pytest.Item) -> str:
    group = item.get_closest_marker("xdist_group")
    return str(group.args[0] if group else item.path)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:  # one after the other, the rehearsals of a file would be the last to end
        if item.get_closest_marker("rehearsal") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem} {item.name}"))
    if getattr(config.option, "loadgroup", False):
        items[:] = in_row(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FromBothEnds | None:
    if config.getvalue("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False  # the row is in order already
    return FromBothEnds(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    processors = len(os.sched_getaffinity(0))
    _working.update(f"gw{number}" for number in range(processors))
    return processors + (WAITING if config.option.numprocesses == "auto" else 0)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    waiting = node.config.option.numprocesses > len(_working)
    node.workerinput["works"] = waiting and node.gateway.id in _working


def pytest_collection_finish(session: pytest.Session) -> None:
    """Give way to rehearsals, where this process is one that works."""
    if getattr(session.config, "workerinput", {}).get("works"):
        os.setsid()  # Linux shares processors out by session first: sched(7), autogroups
        os.nice(_NICENESS)
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(_NICENESS), encoding="ascii")
