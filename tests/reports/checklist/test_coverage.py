"""What was rehearsed and what not: where, and which faults were flipped."""

import pytest

from dress_rehearsal.reports.checklist.checklist import checklist_of
from dress_rehearsal.reports.checklist.recovery import SwitchTried
from tests.reports.checklist.conftest import NOW, rehearsed


def subjects(*runs):
    return {each.subject: each for each in checklist_of(runs, [], NOW).covered}


@pytest.fixture
def external(tmp_path):
    """Return the plan of an app that runs by itself: `external(url="http://shop.example")`."""
    (tmp_path / "buyer.py").write_text("")

    def build(**target):
        return {
            "scenario": {"file": str(tmp_path / "buyer.py")},
            "target": {"stage": "external", **target},
        }

    return build


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://127.9.9.9", "http://[::1]:80"]
)
def test_an_app_on_this_machine_is_not_where_it_will_run(external, url):
    found = subjects(rehearsed(plan=external(url=url)))
    assert found["Where"].not_rehearsed == "the app where it will run"
    assert found["Where"].against == (
        "All of it was on this machine, none of it where the app will run."
    )
    assert url in found["Where"].rehearsed


def test_an_app_that_the_rehearsal_itself_starts_is_not_either(external):
    plan = external(url="http://127.0.0.1:8000", command=["shop"])
    assert subjects(rehearsed(plan=plan))["Where"].against


def test_of_a_host_elsewhere_nobody_knows_whether_it_is_the_one(external):
    plan = external(url="https://shop.example", allow=["shop.example"])
    found = subjects(rehearsed(plan=plan), rehearsed(1))
    assert found["Where"].not_rehearsed == (
        "whether shop.example is where it will run, the runs do not know"
    )
    assert found["Where"].against == ""


def test_of_an_app_of_somebody_else_s_no_switch_is_flipped(external):
    found = subjects(rehearsed(plan=external(url="http://127.0.0.1:8000")))
    assert "flip yours by hand" in found["Faults and kill switches"].not_rehearsed
    assert "How tickets are handed out" not in found


def test_a_fault_that_was_planned_and_not_flipped_was_not_rehearsed():
    plan = {"faults": [{"name": "leak", "at": "T+1s"}]}
    none = subjects(rehearsed())["Faults and kill switches"].not_rehearsed
    undone = SwitchTried("run", "leak", "not known", "not flipped: no such process")
    found = subjects(rehearsed(plan=plan, switches=(undone,)))["Faults and kill switches"]
    assert found.not_rehearsed == none
    assert found.against
    done = SwitchTried("run", "leak", "yes", "at once: of 90 requests …")
    found = subjects(rehearsed(plan=plan, switches=(done,)))["Faults and kill switches"]
    assert found.not_rehearsed != none
    assert found.against == ""
