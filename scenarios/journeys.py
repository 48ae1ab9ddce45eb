"""The journeys: what each kind of student does, from arriving to an answer."""

import time
from contextlib import suppress
from typing import Final

import gevent

from scenarios import census
from scenarios.errors import Closed
from scenarios.recorder import FAILED, OK, UNKNOWN
from scenarios.rush import Rush
from scenarios.timetable import LATE, Luck
from scenarios.visit import Reply, Visit

_NS: Final = 1_000_000_000


def perform(rush: Rush, student: int) -> None:
    """Play one student's whole story; returns when it is over or the rush has closed."""
    visit = Visit(rush, student)
    story = _Story(rush, visit)
    try:
        story.tell()
    finally:
        story.end()


class _Story:
    """A student on the way: waits or comes late, logs in, buys, looks at the ticket."""

    def __init__(self, rush: Rush, visit: Visit) -> None:
        self.rush = rush
        self.visit = visit
        self.student = visit.student
        self.luck: Luck = rush.luck(visit.student)
        self.habits = rush.plan.students
        self.copies: list[gevent.Greenlet] = []
        """Copies of the click, under way beside the story's main thread."""
        self.grant: Reply | None = None
        self.here_ns = 0
        """When the answer came that the main thread of the story last acted on."""
        self.unknown = False

    def tell(self) -> None:
        """Rush, then look at the ticket; what is not over when the rush closes stays open."""
        # When the rush closes, the census keeps saying `in_flight` or what was settled before.
        with suppress(Closed):
            self._rush_in()
        with suppress(Closed):
            if self.grant is None:
                self._await_copies()
            if self.grant is not None:
                self._look_at(self.grant)
        self._await_copies()

    def end(self) -> None:
        """Cut what is still under way (only when cut itself) and close the connections."""
        gevent.killall(self.copies)
        self.visit.leave()

    def _rush_in(self) -> None:
        timetable, rush = self.rush.timetable, self.rush
        arrival_ns = rush.at(float(timetable.arrival_s[self.student]))
        rush.sleep_until(arrival_ns)
        rush.census.became(self.student, census.IN_FLIGHT)
        here_ns = self.visit.page(arrival_ns).at_ns
        if timetable.journey[self.student] == LATE:
            click_ns = self._log_in(here_ns + self._typing_ns()) + self._typing_ns() // 2
        else:
            click_ns = self._wait_for_t0(here_ns)
        if self.visit.logged_in:
            self._buy(click_ns)

    def _typing_ns(self) -> int:
        return round(self.luck.delay_s(self.habits.typing) * _NS)

    def _wait_for_t0(self, here_ns: int) -> int:
        """Poll the countdown until it is time to click; log in now or when the sale opens."""
        timetable, rush = self.rush.timetable, self.rush
        click_ns = rush.at(float(timetable.click_s[self.student]))
        before = bool(timetable.login_before[self.student])
        if before:
            here_ns = self._log_in(here_ns + self._typing_ns())
        else:
            click_ns = max(click_ns, rush.at(float(timetable.login_at_s[self.student])))
        self._poll_countdown(here_ns, click_ns)
        if not before:
            return self._log_in(click_ns) + self._typing_ns() // 4
        return max(click_ns, here_ns)

    def _poll_countdown(self, here_ns: int, click_ns: int) -> None:
        """Ask again a while after each answer, as a page's timer does, until the click is due.

        An answer that is not there by then does not hold the click back, just as a browser drops
        a page's open requests when its user moves on: a slow target must not slow the students
        down, or its slowness would hide itself (coordinated omission).
        """
        poll_ns = round(self.habits.countdown_poll * _NS)
        due_ns = here_ns + poll_ns
        while due_ns < click_ns:
            due_ns = self.visit.countdown(due_ns, give_up_ns=click_ns).at_ns + poll_ns

    def _log_in(self, intended_ns: int) -> int:
        """Log in, trying again after errors; gives the time of the last answer."""
        for _ in range(self.habits.attempts):
            reply = self.visit.login(intended_ns)
            if reply.outcome == OK:
                return reply.at_ns
            if reply.outcome not in (FAILED, UNKNOWN):
                self.rush.census.became(self.student, census.REFUSED)
                return reply.at_ns
            if not self.luck.happens(self.habits.retry):
                break
            intended_ns = self._after_error(reply)
        self.rush.census.became(self.student, census.FAILED)
        return reply.at_ns

    def _buy(self, click_ns: int) -> None:
        """Click until there is an answer that settles it, patience ends or attempts run out."""
        deadline_ns = click_ns + self._patience_ns()
        request = self.visit.click(0)
        self._click_copies(click_ns)
        intended_ns = click_ns
        for _ in range(self.habits.attempts):
            if intended_ns > deadline_ns:
                self._settle(census.GAVE_UP)
                return
            self.rush.sleep_until(intended_ns)
            self.rush.census.clicked(self.student, intended_ns)
            reply = self.visit.act(request, intended_ns)
            self.here_ns = reply.at_ns
            if self._answered(reply) or self.grant is not None:
                return
            if reply.code == "too_early":
                delay_s = self.luck.delay_s(self.habits.early_retry)
                intended_ns = reply.at_ns + round(delay_s * _NS)
            elif self.luck.happens(self.habits.retry):
                intended_ns = self._after_error(reply)
            else:
                self._settle(census.FAILED)
                return
        self._settle(census.GAVE_UP if reply.code == "too_early" else census.FAILED)

    def _patience_ns(self) -> int:
        patience_s = float(self.rush.timetable.patience_s[self.student])
        return round(min(patience_s, 1e6) * _NS)

    def _answered(self, reply: Reply) -> bool:
        """Take in an answer to a click; tell whether it settles the matter."""
        if reply.outcome == OK:
            return self._granted(reply)
        if reply.outcome == UNKNOWN:
            self.unknown = True
            return False
        match reply.code:
            case "sold_out":
                self._settle(census.SOLD_OUT)
            case "not_enrolled":
                self._settle(census.REFUSED)
            case "already_holds_ticket":
                # Another copy of this click was granted; without its answer, which may still
                # be on the way, it is not certain what the student holds.
                self._await_copies()
                self._settle(census.UNKNOWN)
            case _:
                return False
        return True

    def _settle(self, outcome: int) -> None:
        """End the story; a click whose answer never came may have taken effect after all."""
        if outcome in (census.FAILED, census.GAVE_UP) and self.unknown:
            outcome = census.UNKNOWN
        self.rush.census.became(self.student, outcome)

    def _await_copies(self) -> None:
        """Wait for what is still under way; joining what is over would cost a loop's turn."""
        under_way = [copy for copy in self.copies if not copy.ready()]
        if under_way:
            gevent.joinall(under_way)

    def _after_error(self, reply: Reply) -> int:
        return reply.at_ns + round(self.luck.delay_s(self.habits.retry_delay) * _NS)

    def _click_copies(self, click_ns: int) -> None:
        """Send a double-clicker's extra copies, on connections of their own.

        Every other copy carries the first one's idempotency key, as a repeated form does; the
        rest carry keys of their own, as a second tab does.
        """
        for number in range(1, int(self.rush.timetable.copies[self.student]) + 1):
            due_ns = click_ns + round(self.luck.between(0.05, 0.3) * _NS)
            key = 0 if number % 2 else number
            delay_s = max(due_ns - time.time_ns(), 0) / _NS
            self.copies.append(gevent.spawn_later(delay_s, self._copy, number, key, due_ns))

    def _copy(self, number: int, key: int, due_ns: int) -> None:
        try:
            reply = self.visit.act(self.visit.click(key), due_ns, device=number)
        except Closed:
            return
        if reply.outcome == UNKNOWN:
            self.unknown = True
        elif reply.outcome == OK:
            self._granted(reply)

    def _granted(self, reply: Reply) -> bool:
        """Take in a grant; an answer that says yes but names no ticket settles nothing."""
        if not isinstance(reply.body.get("ticket"), str):
            return False
        self.grant = self.grant or reply
        self.rush.census.acknowledged(self.student, reply.body["ticket"], reply.at_ns)
        return True

    def _look_at(self, grant: Reply) -> None:
        """Ask until the ticket is issued, then open its QR code."""
        # A copy may have been granted while the student still waited for the first click.
        ticket, here_ns = grant.body["ticket"], max(grant.at_ns, self.here_ns)
        reply, poll_ns = grant, round(self.habits.ticket_poll * _NS)
        while reply.outcome != OK or reply.body.get("state") != "issued":
            reply = self.visit.ticket(ticket, here_ns + poll_ns)
            here_ns = reply.at_ns
        self.rush.census.issued(self.student, here_ns)
        self.visit.qr(ticket, here_ns + round(self.luck.delay_s(self.habits.qr_delay) * _NS))
