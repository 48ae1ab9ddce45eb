"""The CPU limits of the rehearsal itself, where it runs in a container: a job of a CI, a pod.

What the kernel holds back there is the generator's time, and on the embedded stage the app's. The
generator is a child of the conductor and in the same cgroup, so the conductor reads its own.
"""

import time
from typing import Final

from dress_rehearsal.records.collectors.cgroup_files import cpu_limits, throttling
from dress_rehearsal.records.collectors.cgroups import Cgroups
from dress_rehearsal.records.samples import Reading, Series, SourceUnreadableError, labels_json

_SOURCE: Final = "processes"


class OwnLimits:
    """The limits of this process' cgroup and those around it, as a source for the collector.

    Args:
        cgroups: where they are; by default those of this machine.
    """

    name = "own_limits"

    def __init__(self, cgroups: Cgroups | None = None) -> None:
        self._cgroups = cgroups

    def read(self) -> Reading:
        """Return each limit and how often it held back what is in it; nothing without limits.

        Raises:
            SourceUnreadableError: the kernel does not say.
        """
        t_ns = time.time_ns()
        values: dict[Series, float] = {}
        try:
            self._cgroups = self._cgroups or Cgroups()
            own = self._cgroups.own("cpu")
            for limit in () if own is None else cpu_limits(own):
                labels = labels_json(cgroup=limit.cgroup.folder.name)
                told = {"spec_cpu_quota": limit.quota_us, "spec_cpu_period": limit.period_us}
                told |= {
                    name.removeprefix("container_"): value
                    for name, value in throttling(limit.cgroup).items()
                }
                for name, value in told.items():
                    values[Series(_SOURCE, f"harness_{name}", labels)] = value
        except (OSError, ValueError) as error:
            raise SourceUnreadableError(
                f"The rehearsal's own CPU limits cannot be read: {error}."
            ) from error
        return Reading.of(t_ns, values)

    def close(self) -> None:
        """Nothing is kept open."""
