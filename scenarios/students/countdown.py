"""The wait for the opening: a page that counts down, one that is reloaded, or a bot asking on."""

import time
from typing import Final

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.recorder import OK, REFUSED
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.students.browser import Browser
from dress_rehearsal.scenarios.students.retry import BotRetry, Retry
from dress_rehearsal.scenarios.timetable import Luck

_RARER_POLLS: Final = 3
"""Devices beyond the first ask for the countdown so many times less often."""
_LAST_MINUTE_S: Final = 60.0


class Countdown:
    """One device's wait, from the page's first answer until its student clicks.

    Args:
        number: which of the student's devices it is; only the first one is reloaded.
        retry: a bot's says how fast it asks.
    """

    __slots__ = ("_browser", "_luck", "_number", "_retry", "_rush", "_students")

    def __init__(self, rush: Rush, browser: Browser, luck: Luck, number: int, retry: Retry) -> None:
        self._rush, self._browser, self._luck = rush, browser, luck
        self._number, self._retry = number, retry
        self._students = rush.plan.students

    def until(self, here_ns: int, click_ns: int, leave_ns: int) -> tuple[int, int] | None:
        """Wait for the opening.

        Args:
            here_ns: when the last answer came.
            click_ns: when the student has in mind to click.
            leave_ns: when patience ends.

        Returns:
            When the last answer came and when to click; None where patience has ended.

        Raises:
            ClosedError: the rush has closed.
        """
        if isinstance(self._retry, BotRetry):
            return self._ask_on(here_ns, click_ns, self._retry), click_ns
        student = self._browser.student
        if self._number or not self._rush.habits.refreshes[student]:
            return self._poll(here_ns, click_ns), click_ns
        opened_ns = self._reload(here_ns, leave_ns)
        if opened_ns is None:
            return None
        return opened_ns, max(click_ns, opened_ns + self._luck.delay_ns(self._students.typing) // 4)

    @property
    def _opens_ns(self) -> int:
        return self._rush.at(float(self._rush.habits.slot_s[self._browser.student]))

    def _poll(self, here_ns: int, until_ns: int) -> int:
        """Ask again a while after each answer, as a page's timer does, until something is due.

        An answer that is not there by then does not hold the click back, just as a browser drops
        a page's open requests when its user moves on: a slow target must not slow the students
        down, or its slowness would hide itself (coordinated omission).
        """
        due_ns = self._next_poll_ns(here_ns)
        while due_ns < until_ns:
            reply = self._browser.countdown(due_ns, give_up_ns=until_ns)
            here_ns = min(reply.at_ns, until_ns)
            due_ns = self._next_poll_ns(here_ns)
        return here_ns

    def _next_poll_ns(self, here_ns: int) -> int:
        rarer = _RARER_POLLS if self._number else 1
        due_ns = here_ns + round(self._students.countdown_poll * rarer * NS_PER_S)
        last_s = self._students.last_poll
        if last_s is None:
            return due_ns
        last_minute_ns = self._opens_ns - round(_LAST_MINUTE_S * NS_PER_S)
        return min(due_ns, max(here_ns, last_minute_ns) + round(last_s * rarer * NS_PER_S))

    def _reload(self, here_ns: int, leave_ns: int) -> int | None:
        """Reload the page until it answers after the opening; return when, None for never.

        Each reload gives up the one before it, which the target may go on working at.
        """
        from_ns = self._opens_ns - round(self._students.refresh_from * NS_PER_S)
        here_ns = self._poll(here_ns, from_ns)
        due_ns = max(here_ns, from_ns) + self._reload_pause_ns(0)
        while due_ns <= leave_ns:
            self._rush.sleep_until(due_ns)
            begun_ns = max(due_ns, time.time_ns())
            again_ns = begun_ns + self._reload_pause_ns(2 / 3)
            reply = self._browser.page(due_ns, give_up_ns=again_ns)
            if reply.outcome in (OK, REFUSED) and due_ns >= self._opens_ns:
                return reply.at_ns
            due_ns = again_ns
        return None

    def _reload_pause_ns(self, least: float) -> int:
        every_s = self._students.refresh_every
        return round(self._luck.between(least, 4 / 3) * every_s * NS_PER_S)

    def _ask_on(self, here_ns: int, click_ns: int, retry: BotRetry) -> int:
        """Ask as fast as a bot does, by what the scenario asks while it waits."""
        from_ns = self._opens_ns - round(self._students.bots_from * NS_PER_S)
        here_ns = self._poll(here_ns, from_ns)
        ask = self._browser.countdown if self._browser.has("wait") else self._browser.page
        due_ns = max(here_ns, from_ns) + retry.pause_ns()
        while due_ns < click_ns:
            reply = ask(due_ns, give_up_ns=click_ns)
            here_ns = min(reply.at_ns, click_ns)
            due_ns = max(due_ns, here_ns) + retry.pause_ns()
        return here_ns
