"""The arguments that several commands share, and the plan that they come to."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dress_rehearsal.plans import Plan, PlanError, read_plan
from dress_rehearsal.plans.files import check_folder, kind_of, named
from dress_rehearsal.plans.problems import option_of
from dress_rehearsal.plans.read import bundled_plans
from dress_rehearsal.plans.shown import looks_secret, shown_key
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.environment_variables import given
from dress_rehearsal.rehearsal.commands.locustfile import (
    SUFFIX,
    lacks_load,
    load_plan,
    refuse_load,
)

if TYPE_CHECKING:
    from dress_rehearsal.rehearsal.history import Kept

LABEL_VARIABLE: Final = "REHEARSE_LABEL"
"""Says which build of the target is rehearsed where no option does."""
_LONGEST_LABEL: Final = 100

USAGE: Final = 2
BROKEN: Final = 1
"""Exit codes: bad usage or plan, and anything else that is neither pass, fail nor inconclusive."""

DRAWN: Final = (
    "The students' names are made up from the seed, so the app has to let anybody in. Where it has "
    "accounts of its own, name them in event.roster, or with --roster FILE."
)
"""Said where a scenario of the user's own has no roster."""


def add_plan(parser: argparse.ArgumentParser, default: Path | None = None) -> None:
    """Add the plan and what overrides it; without a `default` the plan has to be named."""
    parser.add_argument(
        "plan",
        type=Path,
        metavar="PLAN",
        nargs="?" if default else None,
        default=default,
        help=f"a TOML file, or a bundled plan: {', '.join(path.stem for path in bundled_plans())}",
    )
    parser.add_argument("--students", metavar="N", help="how many students act")
    parser.add_argument("--seed", metavar="N", help="seed of everything drawn")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="override one value of the plan, such as app.workers=4; may be repeated",
    )


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add the folder that gets the run directories."""
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), help="folder for run directories (%(default)s)"
    )


def add_baseline(parser: argparse.ArgumentParser) -> None:
    """Add what a run is held against."""
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="RUN",
        help="a run, or a folder of repeats, that the plan's regression gates are held against",
    )


def add_roster(parser: argparse.ArgumentParser) -> None:
    """Add the file of an external target's people."""
    parser.add_argument(
        "--roster", type=Path, help="CSV student,pin,enrolled of an external target's people"
    )


def add_history(parser: argparse.ArgumentParser) -> None:
    """Add the history that runs are put into, and what tells builds of the target apart in it."""
    parser.add_argument(
        "--history",
        type=Path,
        metavar="FOLDER",
        help="put the run's numbers into a history, and show them beside those of the runs before",
    )
    add_label(parser)


def add_label(parser: argparse.ArgumentParser) -> None:
    """Add what tells builds of the target apart."""
    parser.add_argument(
        "--label",
        metavar="TEXT",
        help=f"which build of the target it is, such as a commit (default: {LABEL_VARIABLE})",
    )


def label_in(options: argparse.Namespace) -> str | None:
    """Return which build of the target is rehearsed, as far as anybody says it.

    Raises:
        PlanError: it is no name that could be shown.
    """
    told: str | None = options.label
    label = (given(LABEL_VARIABLE) if told is None else told) or None
    if label is not None and (len(label) > _LONGEST_LABEL or looks_secret(label)):
        option = LABEL_VARIABLE if told is None else "--label"
        raise PlanError(
            f"{option}: give a name of {_LONGEST_LABEL} characters at most that holds no secret, "
            f"such as a commit: it is written to every run."
        )
    return label


def kept_as(options: argparse.Namespace) -> "Kept":
    """Return what is kept of the runs that the options ask for.

    Raises:
        PlanError: the history cannot be written to, or the label is no name.
    """
    from dress_rehearsal.rehearsal.history import Kept

    if options.history is not None:
        check_folder(options.history, "--history")
    return Kept(options.history, label_in(options))


def is_drawn(plan: Plan, roster: Path | None) -> bool:
    """Return whether those who act in somebody's own app are ours, drawn from the seed."""
    named = roster is not None or plan.event.roster is not None
    return not plan.bundled and not named and plan.event.students > 0


def overriding(options: argparse.Namespace) -> list[tuple[str, str]]:
    """Return every option that overrides the plan, as a sentence names it, and what it sets."""
    given = [
        (option_of(shown_key(text.partition("=")[0].split("."))), text) for text in options.set
    ]
    if options.students is not None:
        given.append(("--students", f"event.students={options.students}"))
    if options.seed is not None:
        given.append(("--seed", f"seed={options.seed}"))
    return given


def planned(options: argparse.Namespace, *more: str) -> Plan:
    """Return the plan that the options name, with what they and `more` override.

    Raises:
        PlanError, ReportError: it cannot be rehearsed; the message says why.
    """
    from dress_rehearsal.rehearsal.preflight.checks import check_plan_usable

    overrides = [*(text for _, text in overriding(options)), *more]
    if options.plan.suffix == SUFFIX and hasattr(options, "host"):
        plan = load_plan(options, overrides)
    else:
        refuse_load(options)
        plan = read_plan(options.plan, overrides)
        if lacks_load(plan):
            plan = read_plan(options.plan, [*overrides, "load={}"])
    check_plan_usable(plan)
    return plan


def opened(path: Path) -> RunDirectory:
    """Return the run directory at a path. Raises PlanError where there is none."""
    if kind_of(path) != "a folder":
        raise PlanError(
            f"{named(path)} is not a run directory: it is {kind_of(path) or 'not there'}; give a "
            f"folder that `rehearse run` made."
        )
    return RunDirectory.open(path)
