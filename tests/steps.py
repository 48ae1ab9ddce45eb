"""The names of the bundled ticket open's steps, as its run directories hold them."""

from dress_rehearsal.records.steps import TICKET_OPEN, Steps

BUNDLED = Steps(TICKET_OPEN)
STEPS = tuple(TICKET_OPEN)
PAGE, COUNTDOWN, LOGIN, PURCHASE, TICKET, QR, JOIN, QUEUE, STREAM, SCAN = STEPS
