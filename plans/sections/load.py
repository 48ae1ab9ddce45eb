"""The load of a plain Locust file: what `locust` itself is told on its command line."""

from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from dress_rehearsal.plans.types import PositiveDuration, Section, Whole

if TYPE_CHECKING:
    from dress_rehearsal.plans.plan import Plan

LONGEST_S: Final = 3600.0
"""How long a load may last whose end only the file's own shape knows."""

Tag = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^-\s][^\s]*$")]
"""A word of Locust's `@tag`."""


class Load(Section):
    """How many users of a Locust file act, and for how long; a LoadTestShape has the last word."""

    users: Annotated[Whole, Field(ge=1, le=1_000_000)] | None = None
    """How many users at most; one where left out, as in Locust."""
    spawn_rate: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """Users begun a second; one where left out, as in Locust."""
    run_time: PositiveDuration | None = None
    """From the first user until no task is begun any more; needed unless the file has a
    LoadTestShape, which otherwise has an hour."""
    tags: tuple[Tag, ...] = ()
    """Only tasks with one of these tags are carried out."""
    exclude_tags: tuple[Tag, ...] = ()
    """Tasks with one of these tags are not."""

    @property
    def lasts_s(self) -> float:
        """For how many seconds tasks are begun, at most."""
        return LONGEST_S if self.run_time is None else self.run_time


def without_students(document: Any) -> Any:
    """Return a plan's document with what is so in every plan whose load is Locust's.

    There are no students of ours, nobody waits for T-0, and the time is that of `load.run_time`.
    """
    if not isinstance(document, dict) or document.get("load") is None:
        return document
    load, event, schedule = (document.get(key) or {} for key in ("load", "event", "schedule"))
    if not all(isinstance(section, dict) for section in (load, event, schedule)):
        return document
    lasts = load.get("run_time") or f"{LONGEST_S:g}s"
    return {
        **document,
        "event": {"students": 0, "order": "none", **event},
        "schedule": {"lead": "0s", "sale": lasts, **schedule},
    }


def misfit(plan: "Plan") -> str | None:
    """Return what of a plan does not fit who acts in it, the end of a sentence; None: all does."""
    load, schedule = plan.load, plan.schedule
    if load is None:
        if plan.event.students == 0:
            return "event.students must be at least 1: nobody would act"
        return None
    if plan.event.students:
        return "event.students is for students of ours; load.users says how many of Locust's act"
    if schedule.lead or schedule.sale != load.lasts_s:
        return "schedule.lead and schedule.sale are for students; load.run_time says how long"
    if plan.scenario.file is None:
        return "load is for a plain Locust file: name it under [scenario], as file"
    if plan.ledgers:
        return (
            "ledgers are for buyers: a plain Locust file says of no answer that it granted a "
            "ticket, so nothing could be held against what a ledger has. Leave [[ledgers]] out, "
            "or have somebody buy with a class of Buyer, which `rehearse init` drafts"
        )
    if plan.generator.workers or plan.generator.processes not in (None, 1):
        return (
            "generator.processes and generator.workers are for students; a plain Locust file is "
            "performed by one process here, and by more under `locust` itself"
        )
    given = [key for key in ("proxy", "headers") if getattr(plan.target, key)]
    if given:
        return (
            f"target.{given[0]} is for buyers: a plain Locust file sends its requests itself, and "
            f"nothing of the plan is put into them"
        )
    if plan.target.ours:
        return (
            'load is for a Locust file, which needs a target of its own: stage = "external" and '
            "url, under [target]"
        )
    return None
