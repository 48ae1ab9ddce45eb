"""What can go wrong with a run directory.

RecordError
├── RunDirectoryUnusable   it cannot be made or written (permission, disk full)
├── RunDirectoryUnreadable it, or a file in it, is missing or damaged
└── SourceUnreadable       something collected gave no usable answer (records.samples)
"""


class RecordError(Exception):
    """A run's records cannot be written or read; the message says which and what to do."""


class RunDirectoryUnusable(RecordError):
    """The run directory cannot be made or written."""


class RunDirectoryUnreadable(RecordError):
    """The run directory, or a file in it, is missing or damaged."""
