"""A rush by one process of Locust's, without workers."""

from pathlib import Path

from locust.env import Environment

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.stamps import KernelStamps
from dress_rehearsal.scenarios.locust_command.options import (
    fix_t0,
    host_of,
    option,
    people_of,
    plan_of,
)
from dress_rehearsal.scenarios.locust_command.statistics import feed
from dress_rehearsal.scenarios.performance import Performance
from dress_rehearsal.scenarios.timetable import draw_timetable


class Alone:
    """All students of a rush, from Locust's start to its stop.

    Raises:
        PlanError, RecordError, ScenarioError: they cannot be played.
    """

    def __init__(self, environment: Environment) -> None:
        plan, url = plan_of(environment), host_of(environment)
        people = people_of(environment, plan)
        self._run = RunDirectory.create(Path(option(environment, "out")), plan)
        self._performance = Performance(
            self._run,
            self._run.id,
            plan,
            people,
            draw_timetable(plan, people),
            url,
            "locust",
        )
        feed(environment, self._performance)
        self._stamps = KernelStamps()
        self._stamps.__enter__()
        self._performance.rush.open_at(fix_t0(self._run, plan, url))
        self._performance.record()

    def end(self) -> None:
        """Write the rest down and tell Locust of it.

        Raises:
            RecordError: it cannot be written.
        """
        self._stamps.__exit__(None, None, None)
        self._performance.finish()
        self._run.stamp("phase", "performed")
