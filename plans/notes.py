"""Notes: what a plan cannot show, though nothing is wrong with it."""

from collections.abc import Iterator
from typing import Final

from dress_rehearsal.plans.behaviour import PARAMETERS
from dress_rehearsal.plans.latecomers import latecomers, sale_for_all
from dress_rehearsal.plans.plan import Plan
from dress_rehearsal.plans.types import format_duration

FEW: Final = 0.005
"""Of so few latecomers nothing is said: half of what `census.in_flight` may be."""


def notes_on(plan: Plan) -> list[str]:
    """Return what whoever wrote a plan may not have meant, a sentence each; none refuses it."""
    return [*_too_few(plan), *_too_late(plan), *_without_effect(plan)]


def unwaited_pool(plan: Plan, key: str) -> str | None:
    """Return in a sentence why no purchase of a plan waits for the pool whose size a key is.

    Args:
        key: of the plan, such as `app.postgres_pool`.

    Returns:
        None where purchases may wait for it, or the key is of no pool of the reference app's.
    """
    app = plan.app
    if not plan.target.ours or plan.load is not None:
        return None
    if key in ("app.postgres_pool", "app.postgres_pool_timeout") and app.strategy.writes_back:
        return (
            f"No purchase waits for the PostgreSQL pool: {app.allocation} writes rows behind the "
            f"answers, so {key} changes nothing of how long buying takes. Purchases wait for "
            f"app.redis_pool here, and for PostgreSQL with app.allocation=atomic_update, say."
        )
    if key == "app.enrolment_limit" and app.enrolment != "external":
        return (
            f"No purchase asks the enrolment API: app.enrolment is {app.enrolment}, so {key} "
            f"changes nothing. With app.enrolment=external they wait for it."
        )
    return None


def _without_effect(plan: Plan) -> Iterator[str]:
    """Yield which keys say something else than usual of what the plan does not have."""
    usual = Plan(name=plan.name)
    for why, keys in _not_in(plan).items():
        given = []
        for section, key in (each.split(".") for each in keys):
            own = getattr(plan, section)
            if key in own.model_fields_set and getattr(own, key) != getattr(
                getattr(usual, section), key
            ):
                given.append(f"{section}.{key}")
        if given:
            yield f"{' and '.join(given)} {'has' if len(given) == 1 else 'have'} no effect {why}."


def _not_in(plan: Plan) -> dict[str, list[str]]:
    """Return the keys of what a plan does not have, by what they would need."""
    if plan.load is not None:
        return {}
    found: dict[str, list[str]] = {}
    for parameter in PARAMETERS:
        if parameter.needs and not getattr(plan.students, parameter.needs):
            why = f"without students.{parameter.needs}"
            found.setdefault(why, []).append(f"students.{parameter.key}")
    if plan.event.invited is None:
        found["without event.invited"] = ["students.show_up"]
    if plan.bundled and plan.app.waiting_room == "off":
        keys = ["students.queue_jumpers", "app.admission_rate", "app.admission_cap"]
        found['while app.waiting_room = "off"'] = keys
    if plan.target.ours and plan.app.enrolment != "external":
        found[f'while app.enrolment = "{plan.app.enrolment}"'] = [
            f"app.enrolment_{each}" for each in ("limit", "timeout", "latency", "failures")
        ]
    return found


def _too_late(plan: Plan) -> list[str]:
    share, habits = latecomers(plan), plan.students
    if share <= FEW:
        return []
    return [
        f"The sale closes too soon for {100 * share:.2g}% of the students: by the plan's own "
        f"timetable they click only after schedule.sale = {format_duration(plan.schedule.sale)}, "
        f"however fast the target is, and end as in_flight. Keep it open for "
        f"{sale_for_all(plan, FEW)}s, or shorten students.login_at_open "
        f"({format_duration(habits.login_at_open)}), students.late_mean "
        f"({format_duration(habits.late_mean)}) or students.typing "
        f"({format_duration(habits.typing)})."
    ]


def _too_few(plan: Plan) -> list[str]:
    event, buyers = plan.event, plan.event.students
    if plan.target.ours:  # who is on the roster of others, only they know
        buyers -= plan.outsiders
    if plan.load is not None or buyers >= event.tickets:
        return []
    return [
        f"It cannot sell out: {buyers:,} students who may buy, for {event.tickets:,} tickets. What "
        f"happens at the last ticket, and to those who get none, is not rehearsed."
    ]
