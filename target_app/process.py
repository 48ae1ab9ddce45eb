"""What the operating system is asked for: enough files, and not to outlive the parent."""

import ctypes
import gc
import os
import resource
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1
_WATCH_S = 0.5


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one and return it: a connection is a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def die_with_parent(parent_pid: int) -> None:
    """See to it that this process ends when `parent_pid` does, even when that was killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent_pid,), daemon=True).start()
    if os.getppid() != parent_pid:  # it died before the kernel was asked
        os._exit(1)


def collect_garbage_seldom() -> None:
    """Keep the collector from walking thousands of waiting requests again and again.

    Requests free what they hold by reference counting; only rare cycles are left to it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(_WATCH_S)
    os._exit(1)
