"""The tests of a run are shared out so that rehearsals begin at once and work fills their waits."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import scheduling
from tests.scheduling import FromBothEnds, in_row

ROW = [
    "tests/a.py::test_rehearsal@a rush",
    "tests/b.py::test_server",
    "tests/b.py::test_another",
    "tests/c.py::test_small",
    "tests/d.py::test_one",
    "tests/d.py::test_two",
    "tests/d.py::test_three",
]


class Item:
    """A test with markers, as pytest collects it."""

    def __init__(self, nodeid, *markers):
        self.nodeid, self.path = nodeid, Path(nodeid.partition("::")[0])
        self.markers = [getattr(pytest.mark, name) for name in markers]
        if "@" in nodeid:
            self.markers.append(pytest.mark.xdist_group(nodeid.partition("@")[2]))

    def iter_markers(self):
        return iter(mark.mark for mark in self.markers)

    def get_closest_marker(self, name):
        return next((mark for mark in self.iter_markers() if mark.name == name), None)


class Process:
    """A process that runs what it is given at once."""

    shutting_down = False

    def __init__(self, name):
        self.gateway, self.given = SimpleNamespace(id=name), []

    def send_runtest_some(self, indices):
        self.given += [ROW[index] for index in indices]

    def shutdown(self):
        self.shutting_down = True


@pytest.fixture
def shared_out(monkeypatch):
    """Share the row out among processes; the first of them works."""

    def share(*names):
        monkeypatch.setattr(scheduling, "_working", {names[0]})
        options = {"tx": ["popen"] * len(names), "dist": "loadgroup"}
        option = SimpleNamespace(loadscopereorder=True)
        config = SimpleNamespace(getvalue=options.get, option=option)
        scheduler = scheduling.pytest_xdist_make_scheduler(config, None)
        assert isinstance(scheduler, FromBothEnds)
        processes = [Process(name) for name in names]
        for process in processes:
            scheduler.add_node(process)
            scheduler.add_node_collection(process, ROW)
        scheduler.schedule()
        done = {process.gateway.id: 0 for process in processes}
        while any(done[process.gateway.id] < len(process.given) for process in processes):
            for process in processes:
                for test in process.given[done[process.gateway.id] :]:
                    done[process.gateway.id] += 1
                    scheduler.mark_test_complete(process, ROW.index(test))
        return [process.given for process in processes]

    return share


def test_rehearsals_stand_first_and_what_only_works_last_each_beside_its_like():
    markers = {ROW[0]: ["rehearsal"], ROW[1]: ["servers"]}
    items = [Item(nodeid, *markers.get(nodeid, [])) for nodeid in reversed(ROW)]
    assert [item.path.stem for item in in_row(items)] == ["a", "b", "b", "c", "d", "d", "d"]


def test_whoever_works_begins_at_the_end_others_at_the_beginning(shared_out):
    works, waits = shared_out("gw0", "gw1")
    assert works[0] == "tests/d.py::test_one"
    assert waits[0] == "tests/a.py::test_rehearsal@a rush"


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_every_test_is_run_once_and_a_file_s_in_one_process(shared_out, processes):
    given = shared_out(*(f"gw{number}" for number in range(processes)))
    assert sorted(test for tests in given for test in tests) == sorted(ROW)
    for file in ("tests/b.py", "tests/d.py"):
        assert len([tests for tests in given if any(t.startswith(file) for t in tests)]) == 1


@pytest.mark.parametrize(("processes", "gives_way"), [("auto", True), ("logical", False)])
def test_who_works_gives_way_only_where_others_wait(monkeypatch, processes, gives_way):
    monkeypatch.setattr(scheduling, "_working", set())
    option = SimpleNamespace(numprocesses=processes)
    config = SimpleNamespace(option=option)
    option.numprocesses = scheduling.pytest_xdist_auto_num_workers(config)
    last = f"gw{option.numprocesses - 1}"
    works = {}
    for name in ("gw0", last):
        node = SimpleNamespace(gateway=SimpleNamespace(id=name), config=config, workerinput={})
        scheduling.pytest_configure_node(node)
        works[name] = node.workerinput["works"]
    assert works == {"gw0": gives_way, last: False}
