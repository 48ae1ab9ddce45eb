"""One device in a student's hands: it opens the page, logs in, waits for T-0 and clicks."""

import time
from contextlib import suppress
from typing import Any, Final

import gevent

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.buyer import Refused
from dress_rehearsal.scenarios.client.scheduler import scheduler
from dress_rehearsal.scenarios.errors import ClosedError
from dress_rehearsal.scenarios.outcomes import StudentOutcome
from dress_rehearsal.scenarios.recorder import OK, REFUSED, UNKNOWN
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.students.browser import Browser
from dress_rehearsal.scenarios.students.call import UNAUTHENTICATED, Reply
from dress_rehearsal.scenarios.students.countdown import Countdown
from dress_rehearsal.scenarios.students.purchase import Purchase
from dress_rehearsal.scenarios.students.retry import BotRetry, Retry
from dress_rehearsal.scenarios.students.session import Session
from dress_rehearsal.scenarios.students.waiting_room import WaitingRoom
from dress_rehearsal.scenarios.timetable import BOT, LATE

_CLICKS_APART_S: Final = 0.05
_OPENED_APART: Final = 0.1
"""How far apart a student opens the page on several devices, as a share of the lead."""
_HINTS: Final = frozenset({"too_early", UNAUTHENTICATED})
"""Reasons that say what to do before clicking again."""
_NOT_ADMITTED: Final = "not_admitted"
"""The reason that sends a student back into the queue."""


class Device:
    """One device's way from the page to an answer, which the student's `Purchase` takes in.

    Args:
        number: 0 is the one that the student looks at; the others only add to the rush.
    """

    __slots__ = (
        "_clicking",
        "_countdown",
        "_greenlet",
        "_habits",
        "_here_ns",
        "_number",
        "_pausing",
        "_purchase",
        "_room",
        "_rush",
        "_session",
        "_student",
        "_tries",
        "browser",
        "copies",
        "luck",
        "retry",
    )

    def __init__(self, rush: Rush, browser: Browser, purchase: Purchase, number: int) -> None:
        self.browser = browser
        self.copies: tuple[gevent.Greenlet, ...] = ()
        """Copies of the click, under way beside the device's own."""
        self._rush = rush
        self._student = browser.student
        self._purchase = purchase
        self._number = number
        self.luck = rush.luck(browser.student, number)
        self.retry = Retry(rush.plan, self.luck)
        """Of the student who looks at the ticket then."""
        is_bot = rush.timetable.journey[browser.student] == BOT
        self._tries = BotRetry(rush.plan, self.luck) if is_bot else self.retry
        """Of whoever rushes in the student's name."""
        self._session = Session(rush, browser, self.luck, self._tries)
        self._countdown = Countdown(rush, browser, self.luck, number, self._tries)
        self._habits = rush.plan.students
        self._here_ns = 0
        """When the answer came that was acted on last."""
        self._greenlet: Any = None
        """Who is on the way; None before and after."""
        self._clicking = self._pausing = False
        self._room = WaitingRoom(rush, browser, self._tries) if browser.has("queue") else None

    def rush_in(self) -> None:
        """Go all the way; ends early when the rush closes or another device has the answer."""
        self._greenlet = gevent.getcurrent()
        try:
            with suppress(ClosedError):
                self._go()
        except Exception:
            # A defect of ours, logged by whoever runs this device: it costs a story, not the run.
            self._rush.recorder.lost["story"] += 1
            self._purchase.ended(StudentOutcome.FAILED)
            raise
        finally:
            self._greenlet = None

    def dismiss(self) -> None:
        """Stop waiting here; the first click is made, and any under way is awaited.

        Only the loop itself may call this.
        """
        if self._greenlet is not None and not self._clicking:
            self._greenlet.throw(ClosedError)

    def stop_pausing(self) -> None:
        """Click no more where nothing but the next click is waited for.

        Only the loop itself may call this.
        """
        if self._greenlet is not None and self._pausing:
            self._greenlet.throw(ClosedError)

    def _go(self) -> None:
        timetable, rush = self._rush.timetable, self._rush
        arrival_ns = rush.at(float(timetable.arrival_s[self._student]))
        if self._number:
            apart_s = self.luck.between(0, _OPENED_APART * rush.plan.schedule.lead)
            arrival_ns += round(apart_s * NS_PER_S)
        rush.sleep_until(arrival_ns)
        if not self._number:
            rush.census.became(self._student, StudentOutcome.IN_FLIGHT)
        self._here_ns = self.browser.page(arrival_ns).at_ns
        if timetable.journey[self._student] == LATE:
            self._log_in(self._here_ns + self._typing_ns())
            click_ns = self._here_ns + self._typing_ns() // 2
        else:
            waited_ns = self._wait_for_t0()
            if waited_ns is None:
                if self.browser.logged_in or not timetable.login_before[self._student]:
                    self._purchase.ended(StudentOutcome.GAVE_UP)
                return
            click_ns = waited_ns
        if self.browser.logged_in:
            self._await_turn_and_buy(click_ns)

    def _typing_ns(self) -> int:
        return self.luck.delay_ns(self._habits.typing)

    def _wait_for_t0(self) -> int | None:
        """Return the time to click, None for never; log in now, or wait and do so at T-0."""
        timetable, rush = self._rush.timetable, self._rush
        click_ns = rush.at(float(timetable.click_s[self._student]))
        if self._number:
            click_ns += round(self.luck.between(0, _CLICKS_APART_S) * NS_PER_S)
        if timetable.login_before[self._student]:
            self._log_in(self._here_ns + self._typing_ns())
            if self._room is not None:
                return click_ns
            return self._await_opening(click_ns)
        click_ns = max(click_ns, rush.at(float(timetable.login_at_s[self._student])))
        opened_ns = self._await_opening(click_ns)
        if opened_ns is None:
            return None
        self._log_in(opened_ns)
        return self._here_ns + self._typing_ns() // 4

    def _await_opening(self, click_ns: int) -> int | None:
        """Wait as this student does; return when to act, None where patience has ended before."""
        waited = self._countdown.until(self._here_ns, click_ns, self._patience_ends_ns(click_ns))
        if waited is None:
            return None
        self._here_ns, click_ns = waited
        return max(click_ns, self._here_ns)

    def _patience_ends_ns(self, click_ns: int) -> int:
        patience_s = float(self._rush.timetable.patience_s[self._student])
        return click_ns + round(min(patience_s, 1e6) * NS_PER_S)

    def _log_in(self, intended_ns: int) -> None:
        self._take_in_login(self._session.begin(intended_ns))

    def _log_in_again(self, reply: Reply) -> int | None:
        """Log in after an answer that the session is lost; return when to go on, None for never."""
        if not self._take_in_login(self._session.renew(reply)):
            return None
        return self._here_ns + self._typing_ns() // 4

    def _take_in_login(self, reply: Reply) -> bool:
        """Take in the last answer to a login; return whether there is a session, else all ends."""
        self._here_ns = reply.at_ns
        if reply.outcome == OK:
            return True
        refused = reply.outcome == REFUSED and not self._purchase.unknown
        self._purchase.ended(StudentOutcome.REFUSED if refused else StudentOutcome.FAILED)
        return False

    def _await_turn_and_buy(self, click_ns: int) -> None:
        """Patience lasts from the click that the student has in mind, let in by then or not."""
        leave_ns = self._patience_ends_ns(click_ns)
        turn_ns: int | None = click_ns
        if self._room is not None:
            turn_ns = self._await_turn(self._room, self._here_ns, leave_ns)
        if turn_ns is not None:
            self._buy(max(click_ns, turn_ns), leave_ns)

    def _await_turn(self, room: WaitingRoom, intended_ns: int, leave_ns: int) -> int | None:
        """Wait to be let in; return when to click, None when it is all over before."""
        reply = room.stay(intended_ns, leave_ns)
        while reply is not None and self._session.lost(reply):
            again_ns = self._log_in_again(reply)
            if again_ns is None:
                return None
            reply = room.stay(again_ns, leave_ns)
        if reply is None:
            self._purchase.ended(StudentOutcome.GAVE_UP)
        elif reply.outcome == OK:
            return reply.at_ns + self._typing_ns() // 4
        elif reply.outcome != REFUSED:
            self._purchase.ended(StudentOutcome.FAILED)
        elif reply.code == "already_holds_ticket":
            self._purchase.held()
        elif reply.code == "sold_out":
            # Unlike the answer to a click, this one knows nothing of an earlier click's fate.
            unknown = self._purchase.unknown
            self._purchase.ended(StudentOutcome.UNKNOWN if unknown else StudentOutcome.SOLD_OUT)
        else:
            self._purchase.ended(StudentOutcome.REFUSED)
        return None

    def _buy(self, click_ns: int, leave_ns: int) -> None:
        """Click until there is an answer that settles it, patience ends or attempts run out."""
        self._click_copies(click_ns)
        intended_ns = click_ns
        # The hands are on their way: no answer on another device stops the first click any more.
        self._clicking = True
        for _ in range(self._tries.attempts):
            if intended_ns > leave_ns:
                self._purchase.ended(StudentOutcome.GAVE_UP)
                return
            if not self._clicking:
                self._pause_until(intended_ns)
                if self._purchase.decided:
                    return
                self._clicking = True
            try:
                reply = self.browser.buy(intended_ns)
            finally:
                if time.time_ns() >= intended_ns:
                    self._rush.census.clicked(self._student, intended_ns)
            self._clicking = False
            self._purchase.here_ns = max(self._purchase.here_ns, reply.at_ns)
            if self._answered(reply) or self._purchase.decided:
                return
            again_ns = self._next_click(reply, leave_ns)
            if again_ns is None:
                return
            intended_ns = again_ns
        refused = reply.outcome == REFUSED
        self._purchase.ended(StudentOutcome.GAVE_UP if refused else StudentOutcome.FAILED)

    def _pause_until(self, intended_ns: int) -> None:
        self._pausing = True
        try:
            self._rush.sleep_until(intended_ns)
        finally:
            self._pausing = False

    def _next_click(self, reply: Reply, leave_ns: int) -> int | None:
        """Return when to click again after an answer that settles nothing; None for never."""
        if reply.code == "too_early":
            return self._tries.after_too_early(reply)
        if reply.code == _NOT_ADMITTED and self._room is not None:
            return self._await_turn(self._room, reply.at_ns, leave_ns)
        if self._session.lost(reply):
            return self._log_in_again(reply)
        if _is_to_come_again(reply):
            return self._tries.after_pause(reply)
        again_ns = self._tries.after_error(reply)
        if again_ns is None:
            self._purchase.ended(StudentOutcome.FAILED)
        return again_ns

    def _answered(self, reply: Reply) -> bool:
        """Take in an answer to a click; return whether it settles the matter on this device."""
        if reply.outcome == OK:
            return self._purchase.granted(reply, self._session)
        if reply.outcome == UNKNOWN:
            self._purchase.unanswered()
            return False
        match reply.code:
            case "sold_out":
                self._purchase.ended(StudentOutcome.SOLD_OUT)
            case "already_holds_ticket":
                # Another copy of this click was granted; without its answer, which may still
                # be on the way, it is not certain what the student holds.
                self._purchase.await_grant(self.copies)
                self._purchase.held()
            case _:
                if not self._is_final(reply):
                    return False
                self._purchase.ended(StudentOutcome.REFUSED)
        return True

    def _is_final(self, reply: Reply) -> bool:
        """Return whether a refusal is the last word, and no hint what to do before clicking on."""
        hint = reply.code in _HINTS or (reply.code == _NOT_ADMITTED and self._room is not None)
        return isinstance(reply.claim, Refused) and reply.claim.final and not hint

    def _click_copies(self, click_ns: int) -> None:
        """Send a double-clicker's extra copies, on connections of their own.

        Every other copy carries the first one's idempotency key, as a repeated form does; the
        rest carry keys of their own, as a second tab does.
        """
        for number in range(1, int(self._rush.timetable.copies[self._student]) + 1):
            due_ns = click_ns + round(self.luck.between(0.05, 0.3) * NS_PER_S)
            wish = 0 if number % 2 else number
            at_ns = time.monotonic_ns() + due_ns - self.browser.ahead_ns - time.time_ns()
            copy = scheduler().spawn_at(at_ns, self._copy, number, wish, due_ns)
            self.copies = (*self.copies, copy)

    def _copy(self, number: int, wish: int, due_ns: int) -> None:
        try:
            reply = self.browser.buy(due_ns, number, wish)
        except ClosedError:
            return
        if reply.outcome == UNKNOWN:
            self._purchase.unanswered()
        elif reply.outcome == OK:
            self._purchase.granted(reply, self._session)


def _is_to_come_again(reply: Reply) -> bool:
    """Return whether a refusal is not the last word: no error, of whom only some try again."""
    told = reply.claim
    return isinstance(told, Refused) and not told.final and reply.code != UNAUTHENTICATED
