"""`rehearse capacity`: searches the largest load that passes."""

import argparse
from typing import Final

from dress_rehearsal.plans import PlanError
from dress_rehearsal.plans.types import parse_duration, parse_share
from dress_rehearsal.rehearsal.capacity.search import REPEATS, WITHIN
from dress_rehearsal.rehearsal.commands.locustfile import add_load
from dress_rehearsal.rehearsal.commands.options import (
    add_out,
    add_plan,
    add_roster,
    overriding,
    planned,
)
from dress_rehearsal.rehearsal.terminal.arguments import whole_number

_MOST_REPEATS: Final = 99
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
        default=str(REPEATS),
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
        default=f"{WITHIN:.0%}",
        metavar="SHARE",
        help=f"how exactly the edge is to be known ({WITHIN:.0%}%)",
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
    from dress_rehearsal.rehearsal.capacity.ahead import obstacle_on
    from dress_rehearsal.rehearsal.capacity.axis import axis_of
    from dress_rehearsal.rehearsal.capacity.bounds import bounds_of
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
    bounds = bounds_of(
        axis,
        obstacle_on(axis, lambda overrides: planned(options, *overrides), options.out),
        on_roster=len(people) if known else None,
        least=options.least,
        most=options.most,
    )
    alike = [text for _, text in overriding(options)]

    def run_of(number: int, seed: int) -> Planned:
        own = [*axis.overrides(number), f"seed={seed}"]
        return Planned(axis.words(number), planned(options, *own), [*alike, *own])

    return search_capacity(
        Given(
            axis=axis,
            asked=Asked(axis.own, bounds.least, bounds.most, within, repeats),
            why_most=bounds.why_most,
            planned=run_of,
            bound=TimeBound.of(plan, given_s),
            runs=options.out,
            roster=options.roster,
            prometheus=options.prometheus,
        )
    )


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
