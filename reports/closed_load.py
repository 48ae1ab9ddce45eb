"""A closed load: what the users of a plain Locust file came to, who are no students of ours.

Nobody is promised anything and nobody is wronged; what counts is that requests were made and
answered. Without gates and without an exit code of the file's own any failed request, and any
exception of a task, fails the run, as under Locust itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from dress_rehearsal.plans import Gate, format_duration
from dress_rehearsal.records.timeline import LOCUST_ENDED
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.latency import at_least, slowest_step
from dress_rehearsal.reports.part import StepAnswers
from dress_rehearsal.reports.schema import Latency, Measured
from dress_rehearsal.reports.words import counted, given_up_words, milliseconds, percent, written

NONE_FAILED: Final = Gate(metric="load.failed", limit="== 0")

_NOT_TIMED: Final = (
    "Latencies are as Locust's clients took them, in the generator itself, not the kernel's: what "
    "the generator was late to read is in them."
)
_CLOSED: Final = (
    "The load is a closed one: each user waits for its answer before it asks again, so a slow "
    "target is asked less often, and what its users would have felt meanwhile is in no latency "
    "(coordinated omission)."
)
_MOST_STEPS: Final = 3


Step = TypeVar("Step", Latency, StepAnswers)


@dataclass(frozen=True, slots=True)
class LoadFinding:
    """What a closed load shows, a sentence each."""

    failures: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def judge_load(evidence: Evidence) -> LoadFinding:
    """Return what is wrong with a closed load, what it leaves open, and what is to be known of it;
    nothing where students act."""
    if evidence.plan.load is None:
        return LoadFinding()
    told = _told(evidence)
    counts = told.get("values", {})
    strict = is_strict(evidence)
    failures, notes = _ends(evidence, told, strict=strict)
    doubts = []
    if hung := counts.get("users_hung", 0):
        doubts.append(
            f"{_were(hung)} still waiting {format_duration(evidence.plan.schedule.drain)} after "
            f"the end and got no answer in that time: their requests, the slowest of all, are in "
            f"no latency."
        )
    if cut := counts.get("users_cut", 0) - hung:
        notes.append(
            f"{_were(cut)} stopped in the middle of a task; what was under way is not recorded."
        )
    if beyond := counts.get("names_beyond", 0):
        notes.append(
            f"The file gives its requests more names than are told apart: {written(beyond)} of "
            f"them count together as (other names). Give requests with ids in their path a name, "
            f"as in `name='/item/[id]'`."
        )
    if unread := counts.get("events_unread", 0):
        notes.append(
            f"{counted(unread, 'request event')} told no time that could be: they count as 0 ms."
        )
    if evidence.requests.empty and not evidence.plan.load.tags:
        return LoadFinding(tuple(failures), tuple(doubts), tuple(notes))
    return LoadFinding(tuple(failures), tuple(doubts), (*notes, _CLOSED, _NOT_TIMED))


def is_strict(evidence: Evidence) -> bool:
    """Return whether any failed request fails the run: nothing else says what may fail."""
    return (
        evidence.plan.load is not None
        and not evidence.plan.gates
        and "exit_code" not in _told(evidence).get("values", {})
    )


def taken(evidence: Evidence, by_step: dict[str, Step]) -> dict[str, Step]:
    """Return what is known of each step: of a closed load, only of those that there were."""
    if evidence.plan.load is None:
        return by_step
    return {step: own for step, own in by_step.items() if own.count}


def what_acted(evidence: Evidence) -> str:
    """Return in words who acted, and how."""
    load = evidence.plan.load
    assert load is not None
    file = (evidence.plan.scenario.file or "").rpartition("/")[2]
    users = counted(users_begun(evidence) or load.users or 1, "Locust user")
    lasted = [] if load.run_time is None else [f"for {format_duration(load.run_time)}"]
    rate = [] if load.spawn_rate is None else [f"{load.spawn_rate:g} begun a second"]
    return ", ".join([f"{users} of {file}", *rate, *lasted])


def users_begun(evidence: Evidence) -> int | None:
    """Return how many users were begun in all; None where the file took no leave."""
    users: int | None = _told(evidence).get("values", {}).get("users")
    return users


def what_held(measured: Measured, limits: str) -> str:
    """Return a pass in one sentence.

    Args:
        limits: what of the plan's gates held, the end of the sentence; empty without any.
    """
    load = measured.load
    failed = "none failed" if not load.failed else f"{written(load.failed)} failed"
    parts = [f"It held: {counted(load.requests or 0, 'request')}, {failed}"]
    slowest = slowest_step(measured.latency_ms)
    if slowest is not None:
        own = measured.latency_ms[slowest]
        took = milliseconds(own.p99)
        if at_least(own, "p99"):
            told = given_up_words(own.given_up / own.count)
            parts.append(f"p99 of {slowest} is at least {took} ({told})")
        else:
            open_ = any(at_least(each, "p99") for each in measured.latency_ms.values())
            known = " as far as is known" if open_ else ""
            parts.append(f"99% of each kind took at most {took}{known} ({slowest} is the slowest)")
    return f"{', '.join(parts)}{f' and {limits}' if limits else ''}."


def _told(evidence: Evidence) -> Mapping[str, Any]:
    """Return what the generator told when the file took its leave."""
    for event in evidence.events:
        if event.kind == "phase" and event.name == LOCUST_ENDED:
            return event.detail
    return {}


def _ends(
    evidence: Evidence, told: Mapping[str, Any], *, strict: bool
) -> tuple[list[str], list[str]]:
    """Return failures and notes: what failed, what was raised, and what the file says itself."""
    failures: list[str] = []
    notes: list[str] = []
    failed = evidence.requests[evidence.requests["outcome"] == "failed"]
    if len(failed):
        (failures if strict else notes).append(_failed_words(evidence, failed))
    raised = told.get("exceptions", [])
    if raised:
        words = ", ".join(f"{each} times" for each in raised[:_MOST_STEPS])
        others = len(raised) - _MOST_STEPS
        more = f" and {counted(others, 'more kind')}" if others > 0 else ""
        sentence = f"Tasks of the file raised what they did not catch: {words}{more}."
        (failures if strict else notes).append(sentence)
    if refused := told.get("refused", []):
        notes.append(
            f"Connections to hosts that the plan does not allow were refused here "
            f"({', '.join(refused[:_MOST_STEPS])}): name them in target.allow, or with --allow, if "
            f"they are yours to send load to."
        )
    code = told.get("values", {}).get("exit_code")
    if code:
        failures.append(
            f"The file itself calls the run a failure: environment.process_exit_code is {code}."
        )
    return failures, notes


def _failed_words(evidence: Evidence, failed: Any) -> str:
    by_step = failed["step"].astype("object").value_counts()
    parts = []
    for step, number in by_step.head(_MOST_STEPS).items():
        errors = failed.loc[failed["step"] == step, "error"].astype("object").value_counts()
        parts.append(f"{written(int(number))} {step} ({errors.index[0]})" if len(errors) else step)
    more = len(by_step) - len(parts)
    others = f" and {counted(more, 'more kind')}" if more > 0 else ""
    return (
        f"{written(len(failed))} of {counted(len(evidence.requests), 'request')} "
        f"({percent(len(failed), len(evidence.requests))}) failed: {', '.join(parts)}{others}."
    )


def _were(users: int) -> str:
    return f"{counted(users, 'user was', 'users were')}"
