"""Kills as what failures come from: whose death, for want of memory, can explain them.

Being killed at the same time explains nothing. A request that got no answer can only be the work of
whom it was sent to: of the app, or of nginx before it. An answer that says "failed" was given by an
app that lived: it is the work of what the app asks, or too much work for those that are left in a
container that lost a worker.
"""

from typing import Final

import numpy as np
import pandas as pd

from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.containers import OomKill, oom_kills, service_of

_BEGIN_WITHIN_NS: Final = 5 * NS_PER_S
"""So soon after a kill what fails by it has begun to: a container takes its time to be there again,
and so do students to meet it."""
_NEARLY_ALL: Final = 0.8
_FRONT: Final = ("nginx", "app")
_ASKED: Final = ("postgres", "redis", "neighbours", "kafka", "sqs")
"""What the app asks while it answers."""
_OF_A_PROXY: Final = (502, 504)
"""A proxy's answers where the app gave none."""
_OVERLOADED: Final = 503
"""What workers answer that have the work of one that is gone as well."""
_WAITED_FOR: Final = {"enrolment": "neighbours"}
"""Services whose pool the app knows by another name."""


def kill_behind(evidence: Evidence, failed: pd.DataFrame) -> OomKill | None:
    """Return the first kill that failures can come from; None: no kill explains them.

    Args:
        failed: requests that failed by one word, as they are recorded.
    """
    ended = failed["done_ns"].fillna(failed["read_ns"]).fillna(failed["intended_ns"])
    ended_ns = np.sort(ended.to_numpy(dtype=np.int64))
    for kill in sorted(oom_kills(evidence.samples), key=lambda kill: kill.t_ns):
        after = float((ended_ns >= kill.after_ns).mean())
        first = ended_ns[ended_ns >= kill.after_ns][:1]
        in_time = after >= _NEARLY_ALL and bool((first <= kill.t_ns + _BEGIN_WITHIN_NS).all())
        if in_time and _explains(evidence, kill.container, failed):
            return kill
    return None


def _explains(evidence: Evidence, container: str, failed: pd.DataFrame) -> bool:
    """Return whether nearly all of these can have failed because of what a container lost."""
    service = service_of(container)
    status = failed["status"].to_numpy()
    unanswered = (status == 0) | np.isin(status, _OF_A_PROXY)
    worker = failed["worker"].astype("object").fillna("").to_numpy()
    if service == "app":
        pids = _pids(evidence, container)
        elsewhere = _pids(evidence, None) - pids if pids else set()
        fits = unanswered | ((status == _OVERLOADED) & ~np.isin(worker, [*elsewhere]))
    elif service in _FRONT:
        fits = unanswered
    elif service in _ASKED:
        pool = failed["pool"].astype("object").fillna("").to_numpy()
        others = [each for each in _pools(failed) if _WAITED_FOR.get(each, each) != service]
        fits = ~unanswered & ~np.isin(pool, others)
    else:
        return False  # whom nobody waits for
    return float(fits.mean()) >= _NEARLY_ALL


def _pids(evidence: Evidence, container: str | None) -> set[str]:
    """Return the pids of the app's workers in a container; of all containers without one."""
    labels = {} if container is None else {"container": container}
    rows = evidence.samples.series("container_process_info", "containers", **labels)
    return {each.label("pid") for each in rows}


def _pools(failed: pd.DataFrame) -> list[str]:
    return [str(each) for each in failed["pool"].dropna().unique()]
