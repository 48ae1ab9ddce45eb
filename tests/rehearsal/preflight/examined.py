"""A small plan that the doctor looks at, and what it finds of one thing."""

from typing import Any

from dress_rehearsal.plans import Plan
from dress_rehearsal.rehearsal.preflight.finding import Finding


def plan(students: int = 100, **sections: Any) -> Plan:
    sections = {"generator": {"processes": 1}, **sections}
    return Plan.model_validate({"name": "small", "event": {"students": students}, **sections})


def finding(check: str, findings: list[Finding]) -> Finding:
    return next(each for each in findings if each.check == check)
