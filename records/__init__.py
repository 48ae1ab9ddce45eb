"""What a run leaves behind: table schemas, the run directory, the collectors that fill it."""

from records.errors import RecordError, RunDirectoryUnreadable, RunDirectoryUnusable
from records.run_directory import RunDirectory, TimelineEvent

__all__ = [
    "RecordError",
    "RunDirectory",
    "RunDirectoryUnreadable",
    "RunDirectoryUnusable",
    "TimelineEvent",
]
