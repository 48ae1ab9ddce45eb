"""What a run leaves behind: table schemas, the run directory, and the collectors that fill it.

Its parts are imported when first asked for: `records.environment_variables` comes before any
library, in every process, and the guardian of a stage asks for words on an errno and has no use for
Arrow.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dress_rehearsal.records.errors import (
        RecordError,
        RunDirectoryUnreadableError,
        RunDirectoryUnusableError,
    )
    from dress_rehearsal.records.run_directory import RunDirectory
    from dress_rehearsal.records.timeline import TimelineEvent

__all__ = [
    "RecordError",
    "RunDirectory",
    "RunDirectoryUnreadableError",
    "RunDirectoryUnusableError",
    "TimelineEvent",
]

_HOME = {"RunDirectory": "run_directory", "TimelineEvent": "timeline"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(
        importlib.import_module(f"dress_rehearsal.records.{_HOME.get(name, 'errors')}"), name
    )
