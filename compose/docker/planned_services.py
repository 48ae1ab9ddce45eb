"""Which services of the compose file a plan wants, and in how many containers."""

from typing import Final

import psutil

from dress_rehearsal.compose.docker.compose_file import ComposeFile
from dress_rehearsal.compose.docker.service_spec import ServiceSpec
from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.plans import Plan

STORES: Final = ("postgres", "redis", "kafka", "sqs")
"""What keeps the tickets, and is there before the app."""


class PlannedServices:
    """Those of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def names(self) -> list[str]:
        """Return the names of the containers that a plan may want, each with an address."""
        return ["prepare", *(name for _, name in self.serving())]

    def serving(self) -> list[tuple[str, str]]:
        """Return those that are there to the end, as (service, container)."""
        services = (*STORES, "neighbours", "nginx", "app", "writeback")
        return [
            (each, container_name(each, number))
            for each in services
            for number in self.numbers(each)
        ]

    def numbers(self, service: str) -> list[int]:
        """Return the numbers of a service's containers; [0] where there is one without number."""
        app = self._plan.app
        if service == "app":
            return list(range(1, self._plan.stage.containers(app.workers) + 1))
        if service == "writeback" and app.writeback_workers > 1:
            return list(range(1, app.writeback_workers + 1))
        return [0]

    def of(self, file: ComposeFile) -> list[ServiceSpec]:
        """Return them as a file describes them, each after what it needs.

        Raises:
            StageUnusableError: they need each other in a circle.
        """
        strategy = self._plan.app.strategy
        profiles = set()
        if self._plan.app.enrolment == "external":
            profiles.add("neighbours")
        if strategy.queue is not None:
            profiles.add(strategy.queue)
        services = file.wanted(frozenset(profiles))
        return [
            service for service in services if service.name != "writeback" or strategy.writes_back
        ]


def container_name(service: str, number: int) -> str:
    """Return the name of one of a service's containers: of several each has its number."""
    return f"{service}-{number}" if number else service


def check_limits(plan: Plan) -> None:
    """Check that this machine has the CPUs that the limits speak of.

    Raises:
        StageUnusableError: it has fewer.
    """
    cpus = psutil.cpu_count() or 1
    for service, limits in plan.stage.limits.items():
        if limits.cpus is not None and limits.cpus > cpus:
            raise StageUnusableError(
                f"The stage is not set: stage.limits.{service} is {limits.cpus:g} CPUs and this "
                f"machine has {cpus}, so what is asked for would not be rehearsed; lower it, or "
                f"rehearse on a larger machine."
            )
