"""The names of the bundled ticket open's steps, as its run directories hold them."""

from dress_rehearsal.records.steps import TICKET_OPEN, Steps

BUNDLED = Steps.ticket_open()
STEPS = tuple(TICKET_OPEN)
PAGE, COUNTDOWN, LOGIN, PURCHASE, TICKET, QR, JOIN, QUEUE, STREAM, SCAN = STEPS
