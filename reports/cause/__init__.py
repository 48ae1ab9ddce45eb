"""The cause: where the slowest requests lost their time, and what that says is the bottleneck."""

from dress_rehearsal.reports.cause.app_or_machine import app_or_machine
from dress_rehearsal.reports.cause.bottleneck import NO_CAUSE, CauseFinding, find_cause
from dress_rehearsal.reports.cause.stops import stop_notes
from dress_rehearsal.reports.cause.workers import worker_notes

__all__ = ["NO_CAUSE", "CauseFinding", "app_or_machine", "find_cause", "stop_notes", "worker_notes"]
