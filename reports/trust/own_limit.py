"""The rehearsal's own CPU limit: whether the container that it ran in, a CI's say, held it back.

The generator is in that container, and on the embedded stage the app too: what was late or slow
meanwhile may be the limit's doing. Held back is what the kernel withheld of the CPU time that the
rehearsal was ready to use.
"""

from typing import Final, NamedTuple

import numpy as np

from dress_rehearsal.plans import Plan
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.evidence import Evidence
from dress_rehearsal.reports.evidence.containers import HARNESS, own_cpu
from dress_rehearsal.reports.evidence.samples import instants
from dress_rehearsal.reports.numbers import rounded
from dress_rehearsal.reports.trust.doubt import Doubt
from dress_rehearsal.reports.words import cores, percent

_HELD_BACK: Final = 0.2
"""From this share of a second on work takes a quarter longer, and queues far more."""
_AFTER_T0_NS: Final = 10 * NS_PER_S


class OwnLimit(NamedTuple):
    """The largest share of a second for which the rehearsal was held back by a limit of its own
    (None: it has none, or nobody looked), and a doubt where that is too much."""

    share: float | None
    doubts: tuple[Doubt, ...]


def judge_own_limit(evidence: Evidence) -> OwnLimit:
    """Return how far the rehearsal's own CPU limit held it back in the seconds that matter."""
    samples, plan = evidence.samples, evidence.plan
    grid = instants(samples.series(HARNESS.format("cpu_cfs_periods_total"), "processes"))
    own = own_cpu(samples, grid) if len(grid) > 1 else None
    if own is None or evidence.decisive_ns is None or evidence.t0_ns is None:
        return OwnLimit(None, ())
    begin_ns, end_ns = evidence.decisive_ns
    if plan.load is None:
        end_ns = min(end_ns, evidence.t0_ns + _AFTER_T0_NS)
    held = np.nan_to_num(own.held_back(grid)) * np.diff(grid, prepend=grid[0]) / NS_PER_S
    total = np.cumsum(held)
    since = np.searchsorted(grid, grid - NS_PER_S, side="right") - 1
    inside = (since >= 0) & (grid >= begin_ns) & (grid - NS_PER_S <= end_ns)
    if not inside.any():
        return OwnLimit(None, ())
    spans = (grid[inside] - grid[since[inside]]) / NS_PER_S
    worst = float(((total[inside] - total[since[inside]]) / spans).max())
    share = rounded(worst, 3)
    if worst < _HELD_BACK:
        return OwnLimit(share, ())
    limit = own.throttled_by((grid >= begin_ns) & (grid <= end_ns + NS_PER_S))
    most = cores(float(np.nanmin(limit.cores)))
    when = "around T-0" if plan.load is None else "meanwhile"
    return OwnLimit(
        share,
        (
            Doubt(
                f"The container that the rehearsal itself ran in has a limit of {most}, which held "
                f"it back for up to {percent(round(worst, 3))} of a second {when}: what was late "
                f"or slow may be that limit's doing. Give it more CPUs, or rehearse elsewhere.",
                "cpu_limit",
                # The app's processes are in it too, where they are started here.
                "the rehearsal's own CPU limit held it back meanwhile" if _app_inside(plan) else "",
            ),
        ),
    )


def _app_inside(plan: Plan) -> bool:
    return plan.target.stage == "embedded" or plan.target.command is not None
