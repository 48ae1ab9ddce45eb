"""What a run leaves behind: table schemas, the run directory, the collectors that fill it."""

from dress_rehearsal.records.errors import RecordError, RunDirectoryUnreadable, RunDirectoryUnusable
from dress_rehearsal.records.run_directory import RunDirectory, TimelineEvent

__all__ = [
    "RecordError",
    "RunDirectory",
    "RunDirectoryUnreadable",
    "RunDirectoryUnusable",
    "TimelineEvent",
]
