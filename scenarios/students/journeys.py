"""The journeys: what each kind of student does, from arriving to an answer and to the entrance."""

from collections.abc import Sequence
from contextlib import suppress

import gevent

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.buyer import Granted
from dress_rehearsal.scenarios.errors import ClosedError
from dress_rehearsal.scenarios.recorder import FAILED, OK, UNKNOWN
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.students.browser import Browser
from dress_rehearsal.scenarios.students.call import Reply
from dress_rehearsal.scenarios.students.device import Device
from dress_rehearsal.scenarios.students.entry import Entry
from dress_rehearsal.scenarios.students.purchase import Purchase
from dress_rehearsal.scenarios.students.session import Session


def perform(rush: Rush, student: int) -> None:
    """Play one student's whole story; returns when it is over or the rush has closed.

    What is still to be called while an answer is awaited is memory of everybody who waits: with no
    more depth than there is, that is one page of a student's stack, and with more it is two.
    """
    story = _Story(rush, student)
    try:
        story.begin()
        story.device.rush_in()
        story.go_on()
    finally:
        story.end()


class _Story:
    """A student's way: rushes in on one device or several, then looks at the ticket."""

    __slots__ = ("device", "entry", "others", "purchase", "rush", "student", "under_way")

    def __init__(self, rush: Rush, student: int) -> None:
        self.rush = rush
        self.student = student
        devices = int(rush.timetable.devices[student])
        self.purchase = Purchase(rush, student, devices)
        browser = Browser(rush, student)
        self.device = Device(rush, browser, self.purchase, 0)
        # Most have one device only: what stands empty is shared by all of them.
        self.others: Sequence[Device] = ()
        self.under_way: Sequence[gevent.Greenlet] = ()
        """What the other devices do, beside the story's main thread."""
        self.entry: Entry | None = None
        if devices > 1:
            self.others = [
                Device(rush, browser.on_device(number), self.purchase, number)
                for number in range(1, devices)
            ]
            self.purchase.dismissals = [d.dismiss for d in (self.device, *self.others)]
        elif rush.timetable.copies[student]:
            self.purchase.dismissals = [self.device.stop_pausing]

    def begin(self) -> None:
        """Have the other devices rush in, beside the first."""
        self.under_way = [gevent.spawn(device.rush_in) for device in self.others]

    def go_on(self) -> None:
        """Look at the ticket; what is not over when the rush closes stays open."""
        # When the rush closes, the census keeps saying `in_flight` or what was settled before.
        self.purchase.await_grant([*self.device.copies, *self.under_way])
        if self.purchase.grant is not None:
            with suppress(ClosedError):
                self._look_at(self.purchase.grant, self.purchase.granted_at_ns)
        self._await_rest()

    def end(self) -> None:
        """Cut what is still under way (only when cut itself) and close the connections."""
        gevent.killall([*self.device.copies, *self.under_way])
        if self.entry is not None:
            self.entry.end(cut=True)
        for device in (self.device, *self.others):
            device.browser.close()

    def _await_rest(self) -> None:
        """Wait for whatever is under way beside; joining what is over would cost a loop's turn."""
        under_way = [each for each in (*self.device.copies, *self.under_way) if not each.ready()]
        if under_way:
            gevent.joinall(under_way)
        if self.entry is not None:
            self.entry.end()

    def _look_at(self, granted: Granted, granted_at_ns: int) -> None:
        """Ask until the ticket is issued, open its code, and go to the entrance with it."""
        purchase, habits = self.purchase, self.rush.plan.students
        session = purchase.session
        assert session is not None
        browser = session.browser
        # A copy may have been granted while the student still waited for the first click.
        here_ns = max(granted_at_ns, purchase.here_ns)
        poll_ns = round(habits.ticket_poll * NS_PER_S)
        while not granted.issued and browser.has("follow_up"):
            reply = browser.follow_up(granted, here_ns + poll_ns)
            here_ns = reply.at_ns
            if isinstance(reply.claim, Granted):
                granted = reply.claim
            elif session.lost(reply):
                here_ns = session.renew(reply).at_ns
        self.rush.census.issued(self.student, here_ns)
        reply = self._open(session, granted, here_ns + self.device.luck.delay_ns(habits.qr_delay))
        if session.lost(reply):
            reply = self._open(session, granted, session.renew(reply).at_ns)
        if reply.outcome == OK and self.rush.habits.refetches[self.student]:
            again_ns = reply.at_ns + self.device.luck.delay_ns(habits.qr_delay)
            again = self._open(session, granted, again_ns)
            reply = again if again.outcome == OK else reply
        if reply.outcome == OK and browser.enters:
            self.entry = Entry(self.rush, session, self.device.retry)
            self.entry.enter(granted, reply)

    def _open(self, session: Session, granted: Granted, intended_ns: int) -> Reply:
        """Open the ticket's code, trying again after errors."""
        return self.device.retry.persist(
            lambda due_ns: session.browser.collect(granted, due_ns),
            intended_ns,
            lambda reply: reply.outcome not in (FAILED, UNKNOWN) or session.lost(reply),
        )
