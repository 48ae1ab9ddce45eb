"""What a run leaves behind: table schemas, the run directory, and the collectors that fill it."""

from dress_rehearsal.records.errors import (
    RecordError,
    RunDirectoryUnreadableError,
    RunDirectoryUnusableError,
)
from dress_rehearsal.records.run_directory import RunDirectory, TimelineEvent

__all__ = [
    "RecordError",
    "RunDirectory",
    "RunDirectoryUnreadableError",
    "RunDirectoryUnusableError",
    "TimelineEvent",
]
