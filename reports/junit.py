"""The verdict as JUnit XML, for CI systems that show tests: one test case a gate.

fail → `<failure>`; inconclusive → `<error>`, since a check that could not be made is no success
and `<skipped>` would count as one; a counter of the audit that does not apply to the run →
`<skipped>` with the reason. The last case, `measurement`, is about what no gate tells: other
failures, else what is wrong with the measurement; one fault is told by one case. Its output has
every reason of a run that did not pass.
"""

import re
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from dress_rehearsal.plans.visible import visible, visible_line
from dress_rehearsal.reports.metrics import gate_words
from dress_rehearsal.reports.schema import GateResult, Verdict
from dress_rehearsal.reports.trust.belief import DOUBTED
from dress_rehearsal.reports.words import BELIEF, NOT_APPLICABLE

_UNDECIDED: Final = "Gate undecided: "
_OF_GATES: Final = ("Gate broken: ", _UNDECIDED)
"""How reasons begin that the case of a gate tells."""
_GATED: Final = frozenset({"gates", "audit", "overtaken", "census"})
"""Words of failures of which each has a gate, and so a case."""


def write_junit(verdict: Verdict) -> str:
    """Return the whole of `junit.xml`."""
    suite = ET.Element("testsuite", name=visible_line(f"dress rehearsal: {verdict.plan}"))
    for gate in verdict.gates:
        _case(suite, gate, verdict)
    for counter, reason in verdict.not_applicable.items():
        name = visible_line(f"audit.{counter} == 0")
        case = ET.SubElement(suite, "testcase", classname="audit", name=name)
        ET.SubElement(case, "skipped", message=visible_line(f"It {NOT_APPLICABLE}: {reason}."))
    whole = ET.SubElement(suite, "testcase", classname="verdict", name="measurement")
    if own := _beside_gates(verdict):
        tag, reasons = own
        problem = ET.SubElement(whole, tag, message=visible_line(reasons[0]))
        problem.text = visible("\n".join(reasons))
    if verdict.verdict != "pass":
        ET.SubElement(whole, "system-out").text = visible("\n".join(verdict.reasons))
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    suite.set("errors", str(sum(case.find("error") is not None for case in cases)))
    suite.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, "unicode") + "\n"


def _beside_gates(verdict: Verdict) -> tuple[str, Sequence[str]] | None:
    """Return what is wrong of which no gate's own case tells, and how bad it is; None without."""
    if verdict.verdict == "pass":
        return None
    reasons = [each for each in verdict.reasons if not each.startswith(_OF_GATES)]
    if verdict.verdict == "inconclusive":
        return ("error", reasons) if reasons else None
    if verdict.failures is None or not _GATED.issuperset(verdict.failures):
        return "failure", reasons or verdict.reasons
    doubted = verdict.belief.startswith(DOUBTED)
    return ("error", [f"{BELIEF} {verdict.belief}"]) if doubted else None


def _case(suite: ET.Element, gate: GateResult, verdict: Verdict) -> None:
    table = visible_line(re.split(r"[.\[]", gate.metric)[0])
    name = visible_line(f"{gate.name} {gate.limit}")
    case = ET.SubElement(suite, "testcase", classname=table, name=name)
    if gate.status == "fail":
        found = gate_words(gate, verdict)
        message = f"{gate.name} is {found}, the limit is {gate.limit}."
        ET.SubElement(case, "failure", message=visible_line(message))
    elif gate.status == "inconclusive":
        ET.SubElement(case, "error", message=visible_line(_why_undecided(gate, verdict)))


def _why_undecided(gate: GateResult, verdict: Verdict) -> str:
    of_it = f"{_UNDECIDED}{gate.name} "
    for reason in verdict.reasons:
        if reason.startswith(of_it) and gate.limit in reason:
            return reason.removeprefix(_UNDECIDED)
    if gate.value is None:
        return f"{gate.name} was not measured, so {gate.limit} could not be checked."
    return (
        f"{gate.name} is {gate_words(gate, verdict)}, the limit is {gate.limit}, but this run "
        f"cannot decide it; see measurement."
    )
