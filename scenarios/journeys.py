"""The journeys: what each kind of student does, from arriving to an answer and to the entrance."""

from contextlib import suppress

import gevent

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.scenarios.browser import Browser, Reply
from dress_rehearsal.scenarios.buyers.browser import BuyerBrowser
from dress_rehearsal.scenarios.device import Device
from dress_rehearsal.scenarios.entry import Entry
from dress_rehearsal.scenarios.errors import ClosedError
from dress_rehearsal.scenarios.purchase import Purchase
from dress_rehearsal.scenarios.recorder import FAILED, OK, UNKNOWN
from dress_rehearsal.scenarios.rush import Rush
from dress_rehearsal.scenarios.session import Session


def perform(rush: Rush, student: int) -> None:
    """Play one student's whole story; returns when it is over or the rush has closed."""
    story = _Story(rush, student)
    try:
        story.tell()
    finally:
        story.end()


class _Story:
    """A student's way: rushes in on one device or several, then looks at the ticket."""

    def __init__(self, rush: Rush, student: int) -> None:
        self.rush = rush
        self.student = student
        devices = int(rush.timetable.devices[student])
        self.purchase = Purchase(rush, student, devices)
        browser: Browser | BuyerBrowser
        browser = Browser(rush, student) if rush.plan.bundled else BuyerBrowser(rush, student)
        self.device = Device(rush, browser, self.purchase, 0)
        self.others: list[Device] = []
        self.under_way: list[gevent.Greenlet] = []
        """What the other devices do, beside the story's main thread."""
        self.entry: Entry | None = None
        if devices > 1:
            self.others = [
                Device(rush, browser.on_device(number), self.purchase, number)
                for number in range(1, devices)
            ]
            self.purchase.dismissals = [d.dismiss for d in (self.device, *self.others)]

    def tell(self) -> None:
        """Rush, then look at the ticket; what is not over when the rush closes stays open."""
        # When the rush closes, the census keeps saying `in_flight` or what was settled before.
        self.under_way = [gevent.spawn(device.rush_in) for device in self.others]
        self.device.rush_in()
        if self.purchase.grant is None:
            self._await_rest()
        if self.purchase.grant is not None:
            with suppress(ClosedError):
                self._look_at(self.purchase.grant)
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
        self.device.await_copies()
        if self.under_way:
            gevent.joinall(self.under_way)
            self.under_way = []
        if self.entry is not None:
            self.entry.end()

    def _look_at(self, grant: Reply) -> None:
        """Ask until the ticket is issued, open its QR code, and go to the entrance with it."""
        purchase, habits, luck = self.purchase, self.rush.plan.students, self.device.luck
        assert purchase.session is not None
        session, ticket = purchase.session, grant.body.ticket
        assert ticket is not None
        browser = session.browser
        if isinstance(browser, BuyerBrowser):
            self._go_in(browser, ticket, max(grant.at_ns, purchase.here_ns))
            return
        assert isinstance(browser, Browser)
        # A copy may have been granted while the student still waited for the first click.
        here_ns = max(grant.at_ns, purchase.here_ns)
        reply, poll_ns = grant, round(habits.ticket_poll * NS_PER_S)
        while reply.outcome != OK or reply.body.state != "issued":
            reply = browser.ticket(ticket, here_ns + poll_ns)
            here_ns = reply.at_ns
            if session.lost(reply):
                here_ns = session.renew(reply).at_ns
        self.rush.census.issued(self.student, here_ns)
        due_ns = here_ns + luck.delay_ns(habits.qr_delay)
        reply = self._open_qr(session, browser, ticket, due_ns)
        if session.lost(reply):
            reply = self._open_qr(session, browser, ticket, session.renew(reply).at_ns)
        if reply.outcome == OK and self.rush.timetable.enters[self.student]:
            self.entry = Entry(self.rush, session, browser, self.device.retry)
            self.entry.enter(ticket, reply)

    def _go_in(self, browser: BuyerBrowser, ticket: str, here_ns: int) -> None:
        """Have a ticket of somebody's own app, and go to the entrance with it."""
        self.rush.census.issued(self.student, here_ns)
        due_ns = here_ns + self.device.luck.delay_ns(self.rush.plan.students.qr_delay)
        if self.rush.timetable.enters[self.student]:
            browser.enter(ticket, due_ns)

    def _open_qr(self, session: Session, browser: Browser, ticket: str, intended_ns: int) -> Reply:
        """Open the ticket's QR code, trying again after errors."""
        return self.device.retry.persist(
            lambda due_ns: browser.qr(ticket, due_ns),
            intended_ns,
            lambda reply: reply.outcome not in (FAILED, UNKNOWN) or session.lost(reply),
        )
