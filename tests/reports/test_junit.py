"""CI sees every gate as a test, and a file that it can read."""

from xml.etree import ElementTree as ET

import pytest

from dress_rehearsal.reports.junit import write_junit
from dress_rehearsal.reports.verdict import judge
from tests.reports.foreign import LEVELS, foreign

SMALL = {"students": 200, "tickets": 60}


@pytest.mark.parametrize(
    ("defects", "failures", "errors"),
    [
        pytest.param({}, 0, 0, id="a pass"),
        pytest.param({"oversell": 1, "gates": [("census.ticket", "== 0")]}, 2, 0, id="a failure"),
        pytest.param({"failed": 9, "generator_late_ms": 400}, 1, 1, id="a failure and a doubt"),
        pytest.param({"store_unreadable": "postgres"}, 0, 14, id="undecided is an error"),
        pytest.param({"never_started": 1}, 0, 1, id="a doubt that is no gate"),
    ],
)
def test_ci_sees_each_gate_as_a_test(verdict_of, defects, failures, errors):
    verdict = verdict_of(**SMALL, **defects)
    suite = ET.fromstring(write_junit(verdict)).find("testsuite")
    assert (int(suite.get("failures")), int(suite.get("errors"))) == (failures, errors)
    beside = len(verdict.not_applicable)
    assert int(suite.get("skipped")) == beside > 0
    cases = suite.findall("testcase")
    assert int(suite.get("tests")) == len(verdict.gates) + beside + 1 == len(cases)


def test_one_fault_is_one_failure_and_the_measurement_tells_its_own_reason(verdict_of):
    """One broken gate was two failures of a festival: "measurement" repeated its text."""

    def measurement(**defects):
        suite = ET.fromstring(write_junit(verdict_of(**SMALL, **defects))).find("testsuite")
        return suite.find("testcase[@name='measurement']")

    broken = measurement(failed=9)
    assert broken.find("failure") is broken.find("error") is None, "its gate tells it"
    late = measurement(failed=9, generator_late_ms=400).find("error")
    assert late.get("message").startswith("Can it be believed? not wholly: The generator")
    assert "Gate broken" not in late.text
    lost = measurement(failed=9, worker_lost=True)
    assert lost.find("failure") is not None, "of a lost worker no gate tells"


@pytest.mark.parametrize(
    "defects",
    [
        pytest.param({"gates": [("latency_ms[POST /login].p99", "<= {p99} ms")]}, id="too close"),
        pytest.param(
            {"gates": [("bottleneck.since_s", ">= 5s")], "without": ["metrics"]}, id="not measured"
        ),
        pytest.param({"failed": 9, "store_unreadable": "postgres"}, id="a failure and a doubt"),
        pytest.param({"generator_late_ms": 400}, id="a doubt"),
    ],
)
def test_every_reason_is_in_the_file_and_an_undecided_gate_tells_its_own(verdict_of, defects):
    if "gates" in defects:
        ((path, limit),) = defects["gates"]
        p99 = verdict_of(**SMALL).latency_ms["POST /login"].p99
        defects = {**defects, "gates": [(path, limit.format(p99=p99))]}
    verdict = verdict_of(**SMALL, **defects)
    suite = ET.fromstring(write_junit(verdict)).find("testsuite")
    assert verdict.verdict != "pass"
    said = suite.find("testcase[@name='measurement']/system-out").text
    assert said.splitlines() == list(verdict.reasons)
    undecided = [each for each in verdict.reasons if each.startswith("Gate undecided: ")]
    told = [error.get("message") for error in suite.iter("error")]
    assert {each.removeprefix("Gate undecided: ") for each in undecided} <= set(told)
    assert undecided or "gates" not in defects


@pytest.mark.parametrize("level", LEVELS)
def test_a_sound_app_of_somebody_elses_has_no_errors(evidence_of, level):
    """However little its ledgers say."""
    evidence = foreign(evidence_of(**SMALL, allocation="naive"), level)
    suite = ET.fromstring(write_junit(judge(evidence))).find("testsuite")
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")


@pytest.mark.slow
def test_what_does_not_apply_is_skipped_and_says_why(healthy_verdict):
    suite = ET.fromstring(write_junit(healthy_verdict)).find("testsuite")
    case = suite.find("testcase[@name='audit.double_entry == 0']")
    assert case.find("skipped").get("message") == "It does not apply: nobody went to the entrance."


def test_junit_survives_what_xml_cannot_hold(healthy_verdict):
    update = {"verdict": "fail", "reasons": ("a \x00 <b> \x1b[31m",), "failures": ("lost",)}
    verdict = healthy_verdict.model_copy(update=update)
    suite = ET.fromstring(write_junit(verdict)).find("testsuite")
    assert suite.find("testcase[last()]/failure").get("message") == r"a \x00 <b> \x1b[31m"
