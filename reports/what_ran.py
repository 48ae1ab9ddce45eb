"""What was run, in one line: how tickets were handed out, pools, faults, containers, changes."""

from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.sections.stage import Limits
from dress_rehearsal.plans.shown import shown_override, shown_setting
from dress_rehearsal.plans.types import format_size
from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.reports.closed_load import what_acted
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.words import cores, counted, fault_words


def what_ran(evidence: Evidence) -> str:
    """Return the line, which ends with a full stop."""
    plan, app = evidence.plan, evidence.plan.app
    faults = [fault_words(fault.title) for fault in plan.faults]
    changed = evidence.environment.get("overrides") or []
    if not plan.target.ours:
        what = [shown_setting("target.url", plan.target.url or "")]
    else:
        what = [
            app.allocation,
            counted(app.workers, "worker"),
            f"pools of {app.postgres_pool} (PostgreSQL) and {app.redis_pool} (Redis) each",
            *([] if app.waiting_room == "off" else [f"a waiting room ({app.waiting_room})"]),
            f"with {', '.join(faults)}" if faults else "no faults",
            *([_containers(plan)] if plan.target.stage == "docker" else []),
        ]
    if label := evidence.environment.get("label"):
        what.append(f"labelled {visible_line(str(label))}")
    if changed:
        settings = ", ".join(shown_override(str(text)) for text in changed)
        what.append(f"set beside the plan's file: {settings}")
    who = counted(plan.event.students, "student") if plan.load is None else what_acted(evidence)
    return f"{who}, {', '.join(what)}."


def _containers(plan: Plan) -> str:
    limits = [f"{service}: {_limited(each)}" for service, each in plan.stage.limits.items()]
    return f"in containers with limits ({', '.join(limits)})" if limits else "in containers"


def _limited(limits: Limits) -> str:
    if limits.preset is not None:
        return limits.preset
    cpus = [] if limits.cpus is None else [cores(limits.cpus)]
    memory = [] if limits.memory is None else [format_size(limits.memory)]
    return " and ".join([*cpus, *memory])
