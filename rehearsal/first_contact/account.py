"""The account: what the probe's student met, told line by line, and what of it is wrong."""

from typing import Final

from dress_rehearsal.rehearsal.first_contact.discretion import Discretion
from dress_rehearsal.rehearsal.first_contact.exchange import Exchanged
from dress_rehearsal.rehearsal.first_contact.student import Played
from dress_rehearsal.rehearsal.terminal.sheet import Sheet
from dress_rehearsal.reports.words import counted, milliseconds
from dress_rehearsal.scenarios import Admitted, Failed, Granted, Pending, Refused, Waiting

_WIDTH: Final = 34
"""Columns of a method and a path, before what came of it."""
_LONGEST_TARGET: Final = 70
_LONGEST_BODY: Final = 150
_LONGEST_WORD: Final = 60
_TEXT_KINDS: Final = ("text/", "json", "xml", "javascript", "form")


def tell_played(sheet: Sheet, played: Played, discretion: Discretion) -> None:
    """Show one method of the scenario: its exchanges, and what it returned."""
    if played.skipped:
        sheet.line(f"{played.method:<10} {played.skipped}", style="bright_black")
        return
    sheet.line(played.method, style="bold")
    if not played.exchanged:
        sheet.line("asked nothing", 2)
    for exchanged in played.exchanged:
        _tell_exchanged(sheet, exchanged, discretion)
    if played.trouble:
        sheet.line(discretion.shown(played.trouble, 300), 2, style="red")
    elif played.claim is not None or played.method in ("buy", "follow_up"):
        sheet.line(claim_words(played, discretion), 2, style="cyan")


def claim_words(played: Played, discretion: Discretion) -> str:
    """Return what a method returned, in words."""
    match played.claim:
        case Granted():
            return f"returned Granted: ticket {_ticket(played.claim, discretion)}"
        case Pending():
            return f"returned Pending: ticket {_ticket(played.claim, discretion)}"
        case Refused():
            return f"returned Refused: {discretion.shown(played.claim.reason, _LONGEST_WORD)}"
        case Failed():
            return f"returned Failed: {discretion.shown(str(played.claim.word), _LONGEST_WORD)}"
        case Admitted() | Waiting():
            return f"returned {type(played.claim).__name__}"
    return "returned nothing, which counts as failed"


def _ticket(claim: Granted | Pending, discretion: Discretion) -> str:
    return discretion.shown(str(claim.ticket), _LONGEST_WORD)


def _tell_exchanged(sheet: Sheet, exchanged: Exchanged, discretion: Discretion) -> None:
    target = discretion.shown(exchanged.target, _LONGEST_TARGET)
    came = f"{exchanged.status}" if exchanged.status else f"no answer: {exchanged.error}"
    size = f"  {counted(exchanged.body_bytes, 'byte')}" if exchanged.status else ""
    sheet.line(f"{target:<{_WIDTH}}  {came}  {milliseconds(exchanged.took_ms)}{size}", 2)
    if exchanged.step != exchanged.target.partition("?")[0]:
        sheet.line(f"counted as {discretion.shown(exchanged.step, _LONGEST_TARGET)}", 4)
    if exchanged.sent:
        sent = discretion.shown(exchanged.sent.decode("utf-8", "replace"), _LONGEST_BODY)
        sheet.line(f"sent      {sent}", 4, style="bright_black")
    if exchanged.body:
        sheet.line(f"answered  {_body(exchanged, discretion)}", 4, style="bright_black")


def _body(exchanged: Exchanged, discretion: Discretion) -> str:
    kind = exchanged.kind.partition(";")[0].strip().lower()
    if kind and not any(part in kind for part in _TEXT_KINDS):
        return f"{discretion.shown(kind, _LONGEST_WORD)}, not shown"
    return discretion.shown(exchanged.body.decode("utf-8", "replace"), _LONGEST_BODY)
