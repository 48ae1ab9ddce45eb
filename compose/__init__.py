"""Sets the stage: somewhere to rehearse, in processes, in containers or already there; clears it.

Its parts are imported when first asked for: the guardian is a process of its own made from this
package, and has no use for database drivers.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dress_rehearsal.compose.docker.stage import DockerStage
    from dress_rehearsal.compose.embedded.stage import EmbeddedStage
    from dress_rehearsal.compose.errors import (
        HostNotAllowedError,
        ProcessFailedError,
        ServerUnfitError,
        StageError,
        StageNotReadyError,
        StageUnusableError,
        TargetRefusedError,
        UndecidedError,
    )
    from dress_rehearsal.compose.external.stage import ExternalStage
    from dress_rehearsal.compose.guardian import Guardian
    from dress_rehearsal.compose.limits import raise_file_limit
    from dress_rehearsal.compose.stage import Alert, Loss, Stage

__all__ = [
    "Alert",
    "DockerStage",
    "EmbeddedStage",
    "ExternalStage",
    "Guardian",
    "HostNotAllowedError",
    "Loss",
    "ProcessFailedError",
    "ServerUnfitError",
    "Stage",
    "StageError",
    "StageNotReadyError",
    "StageUnusableError",
    "TargetRefusedError",
    "UndecidedError",
    "raise_file_limit",
]

_HOME = {
    "Alert": "stage",
    "DockerStage": "docker.stage",
    "EmbeddedStage": "embedded.stage",
    "ExternalStage": "external.stage",
    "Guardian": "guardian",
    "Loss": "stage",
    "Stage": "stage",
    "raise_file_limit": "limits",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(
        importlib.import_module(f"dress_rehearsal.compose.{_HOME.get(name, 'errors')}"), name
    )
