"""The gate: base and head of one repository rehearsed by turns in one job, and held together.

By turns (base, head, head, base, base, …), because a machine drifts: what it was like meanwhile,
both had alike. Both are performed by the head's plan, scenario and Dress Rehearsal; nothing but the
target differs.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.plans.secrets import resolved, variable_of
from dress_rehearsal.records.environment_variables import child_environment
from dress_rehearsal.rehearsal.errors import RehearsalError
from dress_rehearsal.rehearsal.preflight.checks import check_usage
from dress_rehearsal.rehearsal.series.checkouts import Checkouts
from dress_rehearsal.rehearsal.series.moved import leads_into, moved
from dress_rehearsal.rehearsal.series.performances import (
    Planned,
    Series,
    perform_series,
    seeded,
    series_folder,
)
from dress_rehearsal.rehearsal.signals import uninterruptible
from dress_rehearsal.rehearsal.terminal.comparison import print_comparison
from dress_rehearsal.rehearsal.terminal.console import make_console
from dress_rehearsal.reports.comparison import compare, side_of, write_comparison

BASE: Final = "base"
HEAD: Final = "head"
_NOTHING_JUDGED: Final = 1
_UNDECIDED: Final = 3
_APP: Final = "dress_rehearsal.target_app"
_PYTHON: Final = Path(".venv", "bin", "python")
_ASKED_WITHIN_S: Final = 30.0
_WHERE: Final = f"import importlib.util as u; print(u.find_spec('{_APP}').origin)"


def gate(
    plans: Sequence[Plan],
    runs: Path,
    checkouts: Checkouts,
    *,
    install: str | None = None,
    roster: Path | None = None,
    overrides: Sequence[str] = (),
) -> int:
    """Rehearse base and head by turns, compare them, and return the comparison's exit code.

    The runs stand in `<runs>/<UTC time>-<plan>-gate-x<N>/base` and `…/head`, the comparison beside
    them.

    Args:
        plans: the head's plan, once with each seed; each is performed on both sides.
        checkouts: of the target's repository, not entered yet.
        install: a command that is run in both first.
        overrides: what was set otherwise than in the plan's file, as it was given for the first.

    Returns:
        0 no worse, 99 worse, 3 undecided, or not all of it performed; 1 without a verdict of each.

    Raises:
        PlanError: the plan's target cannot be there twice, or a side cannot be performed; nothing
            is left of the base.
        RehearsalError: a checkout cannot be made or installed.
    """
    check_gateable(plans[0], checkouts.head)
    console = make_console()
    console.print(
        f"{2 * len(plans)} rehearsals by turns: "
        f"{BASE} {checkouts.base_build}, {HEAD} {checkouts.head_build}.",
        markup=False,
    )
    folder = series_folder(runs, f"{plans[0].name}-gate-x{len(plans)}")
    with checkouts:
        if install is not None:
            checkouts.install(install, folder)
        python = None
        if plans[0].target.ours:
            python = _python_of(checkouts.base)
        pairs = zip(
            seeded([moved(plan, checkouts.head, checkouts.base) for plan in plans], overrides),
            seeded(plans, overrides),
            strict=True,
        )
        sides = [
            (
                base._replace(
                    label=f"{BASE}, {base.label}",
                    folder=BASE,
                    build=checkouts.base_build,
                    app_python=python,
                ),
                head._replace(
                    label=f"{HEAD}, {head.label}", folder=HEAD, build=checkouts.head_build
                ),
            )
            for base, head in pairs
        ]
        for each in sides[0]:
            check_usage(each.plan, runs, roster, performed=True, repeated=True)
        series = perform_series(by_turns(sides), folder, console, roster, prometheus=False)
    with uninterruptible():
        return _held(series, folder)


def by_turns(pairs: Sequence[tuple[Planned, Planned]]) -> list[Planned]:
    """Return pairs as a row in which either comes first as often: A B, B A, A B, …"""
    turned = [pair if place % 2 == 0 else pair[::-1] for place, pair in enumerate(pairs)]
    return [planned for pair in turned for planned in pair]


def check_gateable(plan: Plan, head: Path) -> None:
    """Check that a plan's target can be there twice, and that something is held.

    Args:
        head: the checkout that the target is of.

    Raises:
        PlanError: it cannot, or no gate of the plan is on a change.
    """
    if not any(gate.regression for gate in plan.gates):
        raise PlanError(
            "No gate of the plan says how much worse a number may become, so nothing would be "
            'held: give one a regression, such as regression = "< 10% and < 50 ms". `rehearse '
            "noise` proposes margins."
        )
    target = plan.target
    if target.stage == "docker":
        raise PlanError(
            "Base and head cannot both be in containers here: their images have the same names. "
            "Use the embedded stage, or an app that target.command starts."
        )
    if target.ours:
        if not Path(__file__).resolve().is_relative_to(head.resolve()):
            raise PlanError(
                "The plan rehearses the app that comes with Dress Rehearsal, which is not in this "
                "repository: there is no base and no head of it here. Rehearse your own app, with "
                "target.command."
            )
        return
    if target.command is None:
        raise PlanError(
            "The plan's target is only an address, so base and head cannot both be put there: have "
            "the plan start the app, with target.command and target.folder."
        )
    if not Path(target.folder or ".").resolve().is_relative_to(head.resolve()):
        raise PlanError(
            "target.folder lies outside of this repository, so base and head would be the same "
            "app: start this in the repository of the app, or name its folder."
        )
    for name, value in target.environment.items():
        if variable_of(value) is not None and leads_into(resolved(value), head):
            raise PlanError(
                f"target.environment.{name} is the value of a variable here, which leads into this "
                f"repository, so the base would use a file of the head: write the path itself into "
                f"the plan."
            )


def _python_of(base: Path) -> Path:
    """Return the Python of a checkout of Dress Rehearsal, which has the app of that checkout.

    Raises:
        RehearsalError: it has none, or it would run another app than the checkout's.
    """
    python = base / _PYTHON
    if not python.exists():
        raise RehearsalError(
            f"The checkout of the base has no {_PYTHON}: have it made, with --install 'make setup'."
        )
    try:
        done = subprocess.run(
            [str(python), "-P", "-c", _WHERE],
            cwd=base,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASKED_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RehearsalError(f"The base's {_PYTHON} cannot be run: {error}.") from error
    found = Path(done.stdout.strip() or "/")
    if not found.resolve().is_relative_to(base.resolve()):
        raise RehearsalError(
            f"The base's {_PYTHON} does not run the base's own app: install it there to be edited "
            f"in place, as `make setup` does."
        )
    return python


def _held(series: Series, folder: Path) -> int:
    """Compare what there is of both sides; tell it, and return the exit code."""
    console = make_console()
    runs = {
        side: [one.run for one in series.judged if one.run.path.parent.name == side]
        for side in (BASE, HEAD)
    }
    if not all(runs.values()):
        console.print("Base or head has no verdict, so there is nothing to compare.", style="red")
        return _NOTHING_JUDGED
    comparison = compare([side_of(side, own) for side, own in runs.items()])
    write_comparison(folder, comparison)
    print_comparison(console, comparison, folder)
    if not series.complete:
        console.print("Not every rehearsal was performed to its end.", style="red")
    return comparison.exit_code if series.complete else max(comparison.exit_code, _UNDECIDED)
