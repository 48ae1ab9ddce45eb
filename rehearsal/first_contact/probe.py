"""The probe: one student through every step of a scenario, those who should be refused, and
everything that was seen of it.

Nothing is measured and nothing is kept: the student acts in this process, with the students' own
client, and what the stage writes meanwhile is in a folder that goes with it, however this ends.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from dress_rehearsal.compose import ExternalStage, Guardian, StageError
from dress_rehearsal.compose.external.opening import t0_from
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.plans import Person, Plan, PlanError
from dress_rehearsal.plans.sections.request import shown_request
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.ledgers import refusals
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.rehearsal.errors import LedgerRefusedError, RehearsalError
from dress_rehearsal.rehearsal.first_contact.account import tell_played
from dress_rehearsal.rehearsal.first_contact.decisions import tell_decisions
from dress_rehearsal.rehearsal.first_contact.discretion import Discretion
from dress_rehearsal.rehearsal.first_contact.exchange import Wire
from dress_rehearsal.rehearsal.first_contact.meters import tell_metrics
from dress_rehearsal.rehearsal.first_contact.refusals import try_refused
from dress_rehearsal.rehearsal.first_contact.stores import held, tell_ledgers
from dress_rehearsal.rehearsal.first_contact.student import Played, ProbeStudent, await_instant
from dress_rehearsal.rehearsal.first_contact.wrongs import wrongs_of
from dress_rehearsal.rehearsal.terminal.sheet import Sheet
from dress_rehearsal.scenarios import Granted, Pending
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.loading import load_buyer

_BEFORE_T0_S: Final = 2.0
"""What the student has for arriving and logging in before the sale opens."""
_LONGEST_WAIT_S: Final = 30.0
"""Whoever opens later than that by a clock of their own is not waited for."""
_AFTER_T0_S: Final = 0.2
"""A click falls so long after T-0: the app's clock may be a little behind."""


class Probed(NamedTuple):
    """What is wrong, the first thing first; and whether some of it is for the plan to change:
    a ledger that cannot be read."""

    wrongs: list[str]
    unread: bool


def probe(plan: Plan, people: list[Person], sheet: Sheet, drawn: str = "") -> Probed:
    """Play one student and who should be refused, and show everything.

    Args:
        people: the roster.
        drawn: which student it is, where there is no roster.

    Raises:
        LedgerRefusedError: a ledger cannot be read; nothing was bought.
        PlanError, RehearsalError: it could not begin; the message says why.
    """
    person = next((each for each in people if each.enrolled), None)
    if person is None:
        raise PlanError("Nobody on the roster is enrolled, so nobody could buy: enrol somebody.")
    kind = load_buyer(plan)  # before anything is started
    # Where everybody is drawn, the app knows nobody, and lets everybody in.
    other = None if drawn else next((each for each in people if not each.enrolled), None)
    discretion = Discretion([each.pin for each in (person, other) if each is not None])
    who = drawn or f"student {people.index(person) + 1:,} of the roster"
    sheet.line(f"Probing with {who}; PINs, tokens, cookies and keys are not shown.")
    with _private_stage(plan) as stage:
        before = held(plan)
        if refused_ledgers := refusals(before):
            raise LedgerRefusedError(" ".join(refused_ledgers))
        wire = Wire(
            Origin.of(plan.target.url or "", plan.target, "probe"),
            plan.students.timeout,
            discretion,
        )
        file = Path(plan.scenario.file or "")

        def student_of(who: Person) -> ProbeStudent:
            return ProbeStudent(kind, who, wire, file, plan, people.index(who))

        student = student_of(person)
        outsider = (people.index(other), partial(student_of, other)) if other else None
        try:
            played = _play(plan, stage, student, wire, sheet)
            refused = try_refused(plan, student, _held(played), outsider, sheet, discretion)
        finally:
            wire.close()
        wrongs = [*wrongs_of(plan, played, file, discretion), *refused]
        for loss in stage.lost():
            wrongs.insert(0, loss.what)
        claim = _held(played)
        ticket = None if claim is None else claim.ticket
        sheet.heading("Pools")
        wrongs += tell_metrics(sheet, plan)
        sheet.heading("Ledgers")
        after = held(plan)
        wrongs += tell_ledgers(sheet, before, after, person, ticket, discretion)
        sheet.heading("What the audit will decide")
        unread = bool(refusals(after))
        if unread:
            sheet.line("not known before every ledger can be read", 2)
        else:
            tell_decisions(sheet, plan, after, student.steps)
    return Probed(wrongs, unread)


def _play(
    plan: Plan, stage: ExternalStage, student: ProbeStudent, wire: Wire, sheet: Sheet
) -> list[Played]:
    """Play every method of the scenario in its order; return what came of each."""
    played: list[Played] = []

    def shown(one: Played) -> Played:
        tell_played(sheet, one, wire.discretion)
        played.append(one)
        return one

    t0_ns = _t0_of(plan)
    stage.open_at(t0_ns)
    sheet.heading(f"The student, {_opening_words(plan)}")
    for method in ("arrive", "log_in", "wait"):
        shown(student.play(method))
    if (t0_ns - time.time_ns()) / NS_PER_S <= _LONGEST_WAIT_S:
        await_instant(t0_ns + round(_AFTER_T0_S * NS_PER_S))
    if student.has("queue"):
        shown(student.play("join"))
        *_, last = student.await_turn()
        shown(last)
    bought = shown(student.play("buy"))
    claim = bought.claim
    if isinstance(claim, Pending) or (isinstance(claim, Granted) and not claim.issued):
        *_, last = student.follow(claim)
        claim = shown(last).claim
    else:
        shown(Played("follow_up", skipped="not needed: no ticket is pending"))
    if isinstance(claim, Granted):
        if student.has("collect"):
            shown(student.play("collect", claim))
        shown(student.play("enter", claim))
    else:
        shown(Played("enter", skipped="not reached: the student holds no ticket"))
    return played


def _t0_of(plan: Plan) -> int:
    """Return when the sale opens for the probe."""
    opening = plan.target.opening
    now_ns = time.time_ns()
    if opening is None or opening.already:
        return now_ns
    try:
        return t0_from(plan, now_ns + (round(_BEFORE_T0_S * NS_PER_S) if opening.request else 0))
    except StageError:  # it opened a while ago
        return now_ns


def _opening_words(plan: Plan) -> str:
    opening = plan.target.opening
    if opening is None:
        return "who buys at once, for the plan names no opening"
    if opening.already:
        return "who buys at once, for the sale is open already"
    if opening.at is not None:
        return f"of a sale that opens by itself at {opening.at.isoformat()}"
    return f"of a sale that {shown_request(opening.request or '')} opens"


def _held(played: list[Played]) -> Granted | None:
    """Return the ticket that the student was granted in the end."""
    claims = [one.claim for one in played if isinstance(one.claim, Granted) and one.claim.ticket]
    return claims[-1] if claims else None


@contextmanager
def _private_stage(plan: Plan) -> Iterator[ExternalStage]:
    """Set the plan's stage without a roster, its logs in a folder that is gone afterwards.

    Raises:
        RehearsalError: it cannot be set; what its log said is in the sentence.
    """
    folder = StageFolder.create()
    guardian: Guardian | None = None
    try:
        run = RunDirectory.create(folder.path / "runs", plan)
        guardian = Guardian.start(folder, run.logs / "probe_guardian.log")
        try:
            with ExternalStage(plan, run, []) as stage:
                yield stage
        except StageError as error:
            raise RehearsalError(_without_logs(str(error), run.logs)) from error
    finally:
        folder.remove()
        if guardian is not None:
            guardian.release()


def _without_logs(sentence: str, logs: Path) -> str:
    """Return a sentence that names no log which will be gone when it is looked for."""
    log = rf"{re.escape(str(logs))}/[\w.-]+"
    sentence = re.sub(
        rf"the end of {log} says why:", "the end of what it wrote says why:", sentence
    )
    sentence = re.sub(rf"it wrote nothing to {log}", "it wrote nothing", sentence)
    return re.sub(log, "its log", sentence)


def next_step(plan: Plan, command: str) -> Iterator[str]:
    """Yield what to do next once nothing is wrong.

    Args:
        command: that rehearses the plan.
    """
    if plan.target.reset is None:
        yield (
            "The plan has no [target.reset]: what the student bought stays in the app. What was "
            "there before a rehearsal is not counted as its own, but this student has a ticket."
        )
    yield f"Next: {command}"
