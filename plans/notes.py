"""Notes: what a plan cannot show, though nothing is wrong with it."""

from dress_rehearsal.plans.plan import Plan


def notes_on(plan: Plan) -> list[str]:
    """Return what whoever wrote a plan may not have meant, a sentence each; none refuses it."""
    event, buyers = plan.event, plan.event.students
    if plan.target.stage == "embedded":  # who is on the roster of others, only they know
        buyers -= plan.outsiders
    if plan.load is not None or buyers >= event.tickets:
        return []
    return [
        f"It cannot sell out: {buyers:,} students who may buy, for {event.tickets:,} tickets. What "
        f"happens at the last ticket, and to those who get none, is not rehearsed."
    ]
