"""Mishaps: what may befall a process at a named point of its work; nothing, unless switched on."""

import logging
import os
import signal

from target_app.faults import FAULTS

_LOG = logging.getLogger(__name__)


async def after_grant() -> None:
    """Between the grant in the deciding store and whatever comes next.

    With `kill_after_grant` on, the first process of all that comes here dies like one killed from
    outside; the switch goes off with it, so it happens once.
    """
    if FAULTS.grade("kill_after_grant") and await FAULTS.claim("kill_after_grant"):
        _LOG.warning("killed by the fault kill_after_grant", extra={"killed_pid": os.getpid()})
        os.kill(os.getpid(), signal.SIGKILL)
