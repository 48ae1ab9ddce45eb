"""What went wrong with the probe's student, and what to do about it."""

import ast
import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from dress_rehearsal.plans import Plan
from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.rehearsal.first_contact.discretion import Discretion
from dress_rehearsal.rehearsal.first_contact.exchange import Exchanged
from dress_rehearsal.rehearsal.first_contact.student import Played
from dress_rehearsal.scenarios import REASONS, Granted, Pending, Refused

_LONGEST: Final = 60


def wrongs_of(
    plan: Plan, played: Sequence[Played], file: Path, discretion: Discretion
) -> list[str]:
    """Return what is wrong with what the student met, a sentence each, in its order.

    Args:
        file: the scenario.
    """
    wrongs = [wrong for one in played for wrong in _wrongs(plan, one, discretion)]
    for reason, line in reasons_in(file).items():
        meant = difflib.get_close_matches(reason, REASONS, n=1)
        if reason not in REASONS and meant and not any(repr(reason) in each for each in wrongs):
            wrongs.append(
                f"Line {line} of {visible_line(file.name)} refuses for "
                f"{discretion.shown(reason, _LONGEST)!r}, a reason that no check knows: did you "
                f"mean {meant[0]}?"
            )
    return wrongs


def broken(one: Played, discretion: Discretion) -> Iterator[str]:
    """Yield what is wrong with a step whoever takes it: no answer, or nothing to be made of it."""
    for exchanged in one.exchanged:
        if not exchanged.status or exchanged.status >= 500:
            yield from _unanswered(one.method, exchanged, discretion)
    if one.trouble:
        yield discretion.shown(one.trouble, 300)
    elif one.method in ("buy", "follow_up"):
        yield from _unusable(one, discretion)


def reasons_in(file: Path) -> Mapping[str, int]:
    """Return the reasons that a scenario's file gives to `Refused` as they are, with their lines.

    They may be ones that the student did not meet.
    """
    tree = ast.parse(file.read_bytes())
    return {
        call.args[0].value: call.lineno
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func).rpartition(".")[2] == Refused.__name__
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


def _wrongs(plan: Plan, one: Played, discretion: Discretion) -> Iterator[str]:
    if one.skipped:
        if one.method == "follow_up" and "nothing" in one.skipped:
            yield "buy returned Pending and the scenario has no follow_up: nobody asks on."
        return
    for exchanged in one.exchanged:
        yield from _unanswered(one.method, exchanged, discretion)
    if one.trouble:
        yield discretion.shown(one.trouble, 300)
    if one.method == "log_in" and one.exchanged and one.exchanged[-1].status >= 400:
        yield (
            f"log_in ended with {one.exchanged[-1].status}: the app does not let this student in; "
            f"see how it wants the name and the PIN, and whether the roster's are its own."
        )
    if one.method == "buy" and one.claim is not None and not one.exchanged:
        yield (
            "buy asked nothing with self.client, so nothing would be measured of it: have "
            "self.client send what it sends."
        )
    if one.method in ("buy", "follow_up") and not one.trouble:
        yield from _unusable(one, discretion)
        yield from _unexpected(plan, one, discretion)


def _unanswered(method: str, exchanged: Exchanged, discretion: Discretion) -> Iterator[str]:
    target = discretion.shown(exchanged.target, _LONGEST)
    if not exchanged.status:
        yield f"{method}: {target} got no answer ({exchanged.error})."
    elif exchanged.status >= 500:
        yield f"{method}: {target} was answered {exchanged.status}: see the app's own log."
    elif exchanged.status in (401, 403) and method in ("arrive", "wait"):
        yield (
            f"{method}: {target} was answered {exchanged.status}: the app shows it to those only "
            f"who have logged in, and {method} comes before log_in."
        )
    elif exchanged.status == 404:
        yield f"{method}: {target} was answered 404: there is no such route, or nothing there."


def _unusable(one: Played, discretion: Discretion) -> Iterator[str]:
    """Yield why nothing can be made of what was returned."""
    match one.claim:
        case None if one.method == "buy":
            last = one.exchanged[-1].status if one.exchanged else 0
            yield (
                f"buy returned nothing after an answer of {last}, so it counts as failed: return "
                f"Granted, Pending or Refused for what that status means."
            )
        case Granted() | Pending() if not str(one.claim.ticket):
            yield f"{one.method} returned a ticket without a name: the audit could not find it."
        case Refused() if one.claim.reason not in REASONS:
            yield (
                f"{one.method} returned Refused({discretion.shown(one.claim.reason, _LONGEST)!r}), "
                f"a reason that no check knows; known are {', '.join(REASONS)}."
            )


def _unexpected(plan: Plan, one: Played, discretion: Discretion) -> Iterator[str]:
    """Yield why somebody was refused who is the only one there."""
    match one.claim:
        case Refused() if one.claim.reason not in REASONS:
            return
        case Refused("already_holds_ticket"):
            yield (
                "The student has a ticket from before, so buying was refused: reset the app, give "
                "the plan a [target.reset], or put another student first on the roster."
            )
        case Refused("too_early") if plan.target.opening is None or plan.target.opening.already:
            yield (
                "The app says that it is too early, and the plan that the sale is open: tell it "
                "in [target.opening] how the sale opens."
            )
        case Refused():
            yield (
                f"Buying was refused: {discretion.shown(one.claim.reason, _LONGEST)}. Nobody else "
                f"was there, so this one should have got a ticket."
            )
