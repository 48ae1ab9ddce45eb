"""One rehearsal of a target at a time: two at once would take each other's buyers for wrongs.

One resets the shop while the other sells, and each finds the other's tickets in the ledger. A name
of a local socket (Linux's abstract ones, see unix(7)) is held until the end of the stage: it lies
in no folder, and the kernel releases it however the process ends. Whoever rehearses from another
machine, or from a network namespace of its own, cannot be noticed by it.
"""

import hashlib
from typing import Final
from urllib.parse import urlsplit

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.held_name import held_name
from dress_rehearsal.plans.hosts import is_loopback

_PORTS: Final = {"http": 80, "https": 443}


class SoleRehearsal:
    """The right to rehearse a target, held from when it is made until it is released.

    Raises:
        StageUnusableError: a rehearsal of this machine that is under way has the same target.
    """

    def __init__(self, url: str) -> None:
        self._name = held_name(_name_of(url))
        if self._name is None:
            raise StageUnusableError(
                f"The stage is not set: another rehearsal or probe on this machine has {url} "
                f"as its target. Each would reset the other's sale and take its buyers for "
                f"wrongs: wait until it has ended."
            )

    def release(self) -> None:
        """Let others rehearse the target; a second time does nothing."""
        if self._name is not None:
            self._name.close()


def _name_of(url: str) -> str:
    """Return the name for a target: by host and port, for a path beside it has the same CPU."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    where = f"{'loopback' if is_loopback(host) else host}:{parts.port or _PORTS.get(parts.scheme)}"
    return hashlib.sha256(where.encode()).hexdigest()[:16]
