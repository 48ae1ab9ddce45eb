"""`rehearse doctor`: checks this machine's limits against a plan."""

import argparse
from pathlib import Path

from dress_rehearsal.plans.files import check_folder
from dress_rehearsal.rehearsal.commands.options import BROKEN, add_out, add_plan, planned
from dress_rehearsal.rehearsal.terminal.console import make_console


def add(doctor: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
    add_plan(doctor, default=Path("festival"))
    add_out(doctor)
    doctor.set_defaults(command=_doctor, only_output=True)


def _doctor(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.preflight.doctor import checkup, others, print_findings

    plan = planned(options)
    check_folder(options.out, "--out")
    bystanders = others(plan)
    findings = [*checkup(plan, options.out), *([] if bystanders is None else [bystanders])]
    print_findings(findings, make_console())
    return BROKEN if any(finding.status == "fail" for finding in findings) else 0
