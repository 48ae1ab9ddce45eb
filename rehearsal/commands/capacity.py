"""`rehearse capacity`: searches the largest load that passes."""

import argparse
from typing import TYPE_CHECKING, Final

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.plans.types import parse_duration, parse_share
from dress_rehearsal.rehearsal.commands.locustfile import add_load
from dress_rehearsal.rehearsal.commands.options import (
    add_out,
    add_plan,
    add_roster,
    overriding,
    planned,
)
from dress_rehearsal.rehearsal.terminal.arguments import whole_number

if TYPE_CHECKING:
    from dress_rehearsal.rehearsal.capacity.axis import Axis

_MOST_REPEATS: Final = 99
_MOST_PEOPLE: Final = 1_000_000
_LEAST_WITHIN, _MOST_WITHIN = 0.01, 1.0


def add(capacity: argparse.ArgumentParser) -> None:
    """Add its arguments to its parser."""
    add_plan(capacity)
    capacity.add_argument(
        "--over",
        metavar="WHAT",
        help="event.students, arrivals or load.users (default: what the plan's load is made of)",
    )
    capacity.add_argument(
        "--repeat",
        default="3",
        metavar="N",
        help="how often a load near the edge is tried at most; most must pass (%(default)s)",
    )
    capacity.add_argument(
        "--from", dest="least", metavar="A", help="try no smaller load (a sixteenth of the plan's)"
    )
    capacity.add_argument(
        "--to", dest="most", metavar="B", help="try no larger load (sixteen times the plan's)"
    )
    capacity.add_argument(
        "--within",
        default="10%",
        metavar="SHARE",
        help="how exactly the edge is to be known (10%%)",
    )
    capacity.add_argument(
        "--at-most", metavar="TIME", help="begin no run that would end later, such as 30m"
    )
    capacity.add_argument(
        "--prometheus",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="run Prometheus beside each run, or do not (default: where it is on the PATH)",
    )
    add_load(capacity)
    add_out(capacity)
    add_roster(capacity)
    capacity.set_defaults(command=_capacity)


def _capacity(options: argparse.Namespace) -> int:
    from dress_rehearsal.rehearsal.capacity.axis import axis_of
    from dress_rehearsal.rehearsal.capacity.conduct import Given, search_capacity
    from dress_rehearsal.rehearsal.capacity.search import Asked
    from dress_rehearsal.rehearsal.preflight.checks import check_usage
    from dress_rehearsal.rehearsal.series.bound import TimeBound
    from dress_rehearsal.rehearsal.series.performances import Planned

    plan = planned(options)
    axis = axis_of(plan, options.over)
    repeats = whole_number(options.repeat, "--repeat", 1, _MOST_REPEATS)
    within = _within(options.within)
    given_s = None if options.at_most is None else _time(options.at_most)
    people = check_usage(plan, options.out, options.roster, performed=True, repeated=True)
    known = options.roster is not None or plan.event.roster is not None
    least, most, why_most = _bounds(options, axis, len(people) if known else None)
    alike = [text for _, text in overriding(options)]

    def run_of(number: int, seed: int) -> Planned:
        own = [*axis.overrides(number), f"seed={seed}"]
        return Planned(axis.words(number), planned(options, *own), [*alike, *own])

    return search_capacity(
        Given(
            axis=axis,
            asked=Asked(axis.own, least, most, within, repeats),
            why_most=why_most,
            planned=run_of,
            bound=TimeBound.of(plan, given_s),
            runs=options.out,
            roster=options.roster,
            prometheus=options.prometheus,
        )
    )


def _bounds(
    options: argparse.Namespace, axis: "Axis", on_roster: int | None
) -> tuple[int, int, str]:
    """Return the smallest and the largest load that may be tried, and why none is larger."""
    from dress_rehearsal.rehearsal.capacity.search import DOUBLINGS

    far = 2**DOUBLINGS
    least = max(axis.own // far, 1)
    if options.least is not None:
        least = axis.people(options.least, "--from")
    most, why = axis.own * far, f"{far} times the plan's own"
    if options.most is not None:
        most, why = axis.people(options.most, "--to"), "--to says so"
    if most > _MOST_PEOPLE:
        most, why = _MOST_PEOPLE, f"a plan has no more than {_MOST_PEOPLE:,}"
    if on_roster is not None and most > on_roster:
        most, why = on_roster, f"the roster holds no more than {on_roster:,} people"
    if least > most:
        raise PlanError(
            f"--from: {axis.words(least)} is more than may be tried at most, {axis.words(most)} "
            f"({why})."
        )
    obstacle = _obstacle(options, axis, most)
    if obstacle is None:
        return least, most, why
    fits, beyond = min(max(axis.own, least), most), most
    if (first := _obstacle(options, axis, fits)) is not None:
        raise PlanError(first)
    while beyond - fits > max(fits // 100, 1):  # the bound itself may be 1% off
        middle = (fits + beyond) // 2
        reason = _obstacle(options, axis, middle)
        fits, beyond = (middle, beyond) if reason is None else (fits, middle)
        obstacle = obstacle if reason is None else reason
    return min(least, fits), fits, f"more do not fit: {obstacle.rstrip('.')}"


def _obstacle(options: argparse.Namespace, axis: "Axis", number: int) -> str | None:
    """Return why so many cannot act: by the plan, or because they do not fit this machine."""
    from dress_rehearsal.rehearsal.preflight.doctor import fits

    try:
        plan: Plan = planned(options, *axis.overrides(number))
    except PlanError as error:
        return str(error)
    return fits(plan, options.out)


def _within(text: str) -> float:
    try:
        share = parse_share(text)
    except ValueError as error:
        raise PlanError(f"--within: {error}.") from error
    if not _LEAST_WITHIN <= share <= _MOST_WITHIN:
        raise PlanError("--within: give a share from 1% to 100%.")
    return share


def _time(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise PlanError(f"--at-most: {error}.") from error
