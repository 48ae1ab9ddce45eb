"""What a search for the capacity would take, reckoned as it does itself before it begins."""

from collections.abc import Callable, Sequence
from pathlib import Path

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.records.machine import environment
from dress_rehearsal.rehearsal.capacity.axis import Axis, axis_of
from dress_rehearsal.rehearsal.capacity.bounds import Bounds, bounds_of
from dress_rehearsal.rehearsal.capacity.search import REPEATS, WITHIN, Asked, Search
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
    return Ahead(takes=takes, ends=tuple(_ends(plan, axis, bounds)))


def obstacle_on(axis: Axis, plan_of: PlanOf, runs: Path) -> Callable[[int], str | None]:
    """Return what says why so many people cannot act: by the plan, or on this machine."""

    def obstacle(people: int) -> str | None:
        try:
            plan = plan_of(axis.overrides(people))
        except PlanError as error:
            return str(error)
        return doctor.fits(plan, runs)

    return obstacle


def _ends(plan: Plan, axis: Axis, bounds: Bounds) -> list[str]:
    """Return where this machine may end the search before the app does, a sentence each."""
    said = []
    if bounds.by_machine:
        said.append(f"It tries no more than {axis.words(bounds.most)} there: {bounds.why_most}.")
    findings = limit_findings(plan, environment(sending=False))
    cpus = next(each for each in findings if each.check == CPUS)
    if cpus.status != "ok":
        said.append(
            f"CPUs there: {cpus.value}, needed: {cpus.needed}, so what it finds may be where that "
            f"machine ends, not the app."
        )
    return said
