"""What the doctor says of containers: Docker's daemon, and whether the limits can be given."""

from collections.abc import Iterator
from contextlib import closing

import psutil

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.plans import Plan
from dress_rehearsal.rehearsal.preflight.finding import Finding


def container_findings(plan: Plan) -> list[Finding]:
    """Return how this machine compares with what a plan's containers need."""
    return [_daemon(), *_limits(plan)]


def check_daemon(plan: Plan) -> None:
    """Check that a stage of containers can be set at all, before anything is made.

    Raises:
        StageUnusableError: no Docker daemon answers, or none whose containers can be measured.
    """
    if plan.target.stage == "docker":
        # Only who has containers needs the Docker SDK.
        from dress_rehearsal.compose.docker.daemon import connect, described

        with closing(connect()) as client:
            described(client)


def _daemon() -> Finding:
    from dress_rehearsal.compose.docker.daemon import described

    needed = "a Docker daemon of this machine"
    try:
        words = described()
    except StageUnusableError as error:
        change = "sudo systemctl start docker    # or: --set target.stage=embedded"
        return Finding("Docker", "does not answer", needed, "fail", str(error), change)
    return Finding("Docker", words, needed, "ok", "The stage of containers.", None)


def _limits(plan: Plan) -> Iterator[Finding]:
    cpus = psutil.cpu_count() or 1
    for service, limits in sorted(plan.stage.limits.items()):
        if limits.cpus is None:
            continue
        fits = limits.cpus <= cpus
        yield Finding(
            f"limit of {service}",
            f"{cpus} CPUs here",
            f"{limits.cpus:g}",
            "ok" if fits else "fail",
            "A limit above what the machine has limits nothing, and Docker refuses it.",
            None if fits else f"--set stage.limits.{service}.cpus={cpus}    # or a larger machine",
        )
