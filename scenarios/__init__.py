"""Performs a plan: students on an absolute timetable, or plain Locust users, against a target.

A scenario of one's own begins with
`from dress_rehearsal.scenarios import Buyer, Granted, Pending, Refused`.
"""

from dress_rehearsal.scenarios.buyer import (
    REASONS,
    Admitted,
    Buyer,
    Claim,
    Failed,
    Granted,
    Pending,
    Refused,
    Turn,
    Waiting,
)

__all__ = [
    "REASONS",
    "Admitted",
    "Buyer",
    "Claim",
    "Failed",
    "Granted",
    "Pending",
    "Refused",
    "Turn",
    "Waiting",
]
