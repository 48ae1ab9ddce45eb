"""What can go wrong with a run directory.

RecordError
├── RunDirectoryUnusableError    it cannot be made or written (permission, disk full)
├── RunDirectoryUnreadableError  it, or a file in it, is missing or damaged
└── SourceUnreadableError        something collected gave no usable answer (records.samples)
"""


class RecordError(Exception):
    """A run's records cannot be written or read; the message says which and what to do."""


class RunDirectoryUnusableError(RecordError):
    """The run directory cannot be made or written."""


class RunDirectoryUnreadableError(RecordError):
    """The run directory, or a file in it, is missing or damaged."""
