"""The steps of the journeys by the name of what a student does there."""

from records.tables import STEPS

PAGE, COUNTDOWN, LOGIN, PURCHASE, TICKET, QR, JOIN, QUEUE, STREAM, SCAN = STEPS
