"""What a search for the capacity would take, reckoned as it does itself before it begins."""

from collections.abc import Callable, Sequence
from pathlib import Path

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.records.machine import environment
from dress_rehearsal.rehearsal.capacity.axis import Axis, axis_of
from dress_rehearsal.rehearsal.capacity.bounds import Bounds, bounds_of
from dress_rehearsal.rehearsal.capacity.search import HEADROOM, REPEATS, WITHIN, Asked, Search
from dress_rehearsal.rehearsal.preflight import doctor
from dress_rehearsal.rehearsal.preflight.checks import check_usage
from dress_rehearsal.rehearsal.preflight.limits import CPUS, limit_findings
from dress_rehearsal.rehearsal.series.bound import TimeBound
from dress_rehearsal.reports.errors import ReportError
from dress_rehearsal.reports.page.headroom import Ahead

PlanOf = Callable[[Sequence[str]], Plan]
"""The plan with these overrides; raises PlanError where there is none such."""


def search_ahead(plan_of: PlanOf, runs: Path, roster: Path | None = None) -> Ahead | None:
    """Return how long `rehearse capacity` of a plan takes at most, and where this machine ends it.

    Args:
        runs: the folder that would get the search.
        roster: who acts, for a target that has its own people.

    Returns:
        None where the plan is one that cannot be searched.
    """
    try:
        plan = plan_of([])
        people = check_usage(plan, runs, roster, repeated=True)
        axis = axis_of(plan, None)
        known = roster is not None or plan.event.roster is not None
        on_roster = len(people) if known else None
        bounds = bounds_of(axis, obstacle_on(axis, plan_of, runs), on_roster=on_roster)
    except (PlanError, ReportError):
        return None
    asked = Asked(axis.own, bounds.least, bounds.most, WITHIN, REPEATS)
    takes = TimeBound.of(plan, None).told(Search(asked).at_most())
    ends, worth = _ends(axis, bounds), [*_too_small(axis, bounds), *_short_of_cpus(plan)]
    return Ahead(takes=takes, ends=tuple(ends), worth=tuple(worth))


def obstacle_on(axis: Axis, plan_of: PlanOf, runs: Path) -> Callable[[int], str | None]:
    """Return what says why so many people cannot act: by the plan, or on this machine."""

    def obstacle(people: int) -> str | None:
        try:
            plan = plan_of(axis.overrides(people))
        except PlanError as error:
            return str(error)
        return doctor.fits(plan, runs)

    return obstacle


def _ends(axis: Axis, bounds: Bounds) -> list[str]:
    """Return where this machine ends the search before the app does, and why."""
    if not bounds.by_machine:
        return []
    return [f"It tries no more than {axis.words(bounds.most)} there: {bounds.why_most}."]


def _too_small(axis: Axis, bounds: Bounds) -> list[str]:
    """Return that so many people as headroom asks about do not fit this machine."""
    asked = round(HEADROOM * axis.own)
    if not bounds.by_machine or asked <= bounds.most:
        return []
    more = f"{HEADROOM:g} times the plan's own, {axis.words(asked)}"
    return [
        f"{more}, {axis.agreeing(asked, 'does', 'do')} not fit that machine: it tries no more than "
        f"{axis.words(bounds.most)}."
    ]


def _short_of_cpus(plan: Plan) -> list[str]:
    """Return that this machine has fewer CPUs than the rehearsal wants."""
    findings = limit_findings(plan, environment(sending=False))
    cpus = next(each for each in findings if each.check == CPUS)
    if cpus.status == "ok":
        return []
    return [
        f"CPUs there: {cpus.value}, needed: {cpus.needed}, so what it finds may be where that "
        f"machine ends, not the app."
    ]
