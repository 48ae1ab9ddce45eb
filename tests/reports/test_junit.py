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
        pytest.param({"oversell": 1, "gates": [("census.ticket", "== 0")]}, 3, 0, id="a failure"),
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
    verdict = healthy_verdict.model_copy(
        update={"verdict": "fail", "reasons": ("a \x00 <b> \x1b[31m",)}
    )
    suite = ET.fromstring(write_junit(verdict)).find("testsuite")
    assert suite.find("testcase[last()]/failure").get("message") == r"a \x00 <b> \x1b[31m"
