"""Stages of containers that are kept, from `rehearse stage up` until `rehearse stage down`.

A kept stage has no guardian and no process of ours: its folder, with the secrets, and its
containers are all there is.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker

from dress_rehearsal.compose.clearing import kept
from dress_rehearsal.compose.docker.clearing import clear_stage, stages
from dress_rehearsal.compose.docker.daemon import LABEL, connect, described, doing, socket_named
from dress_rehearsal.compose.docker.images import Tell
from dress_rehearsal.compose.docker.services import Services
from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.stage_folder import StageFolder, delete, temporary_folder
from dress_rehearsal.compose.stage_record import StageRecord
from dress_rehearsal.plans import Person, Plan, write_roster
from dress_rehearsal.plans.read import plan_toml
from dress_rehearsal.plans.sections.app import LETTING_IN
from dress_rehearsal.plans.sections.target import Target

_DESCRIPTION = "kept.json"
_ROSTER = "roster.csv"


@dataclass(frozen=True, slots=True)
class KeptStage:
    """One of them.

    Attributes:
        name: its folder's name, which its containers are labelled with.
        plan: the name of the plan it was set for.
        url: where the app answers.
        folder: where its secrets and its roster are, for this user only.
    """

    name: str
    plan: str
    url: str
    folder: Path

    @property
    def admin_token(self) -> Path:
        """The file with what the app's admin routes want."""
        return self.folder / "secrets" / "app_admin_token"

    @property
    def entry_token(self) -> Path:
        """The file with what the scanners at the entrance show."""
        return self.folder / "secrets" / "app_gate_token"

    @property
    def rehearsed_by(self) -> Path:
        """The plan that rehearses it, from outside."""
        return self.folder / f"{self.plan}.toml"

    def containers(self) -> list[tuple[str, str]]:
        """Return its containers as (name, state in Docker's words).

        Raises:
            StageUnusableError: the daemon does not answer.
        """
        return [
            (_name(one, self.name), str(one["Status"]))
            for one in _listed(connect(StageRecord.read(self.folder).docker), self.name)
        ]

    def log(self, container: str, lines: int) -> Iterator[str]:
        """Return the last lines that a container wrote.

        Raises:
            StageUnusableError: there is no such container, or the daemon does not answer.
        """
        client = connect(StageRecord.read(self.folder).docker)
        names = [_name(one, self.name) for one in _listed(client, self.name)]
        if container not in names:
            raise StageUnusableError(
                f"The stage {self.name} has no container {container!r}; it has "
                f"{', '.join(names) or 'none any more'}."
            )
        with doing(f"the log of {container} cannot be read"):
            text = client.containers.get(f"{self.name}-{container}").logs(tail=lines)
        yield from text.decode("utf-8", errors="replace").splitlines()

    def clear(self) -> None:
        """Remove its containers, its network, its volumes and its folder.

        Raises:
            StageUnusableError: something is left, which the sentence names.
        """
        clear_stage(self.name, connect(StageRecord.read(self.folder).docker))
        delete(self.folder)


def keep(plan: Plan, people: Sequence[Person], tell: Tell) -> KeptStage:
    """Set a stage that stays.

    Raises:
        StageError: it could not be set; what had been started is gone again.
    """
    client = connect()
    described(client)
    folder = StageFolder.create()
    services: Services | None = None
    try:
        with folder.living():
            write_roster(folder.path / _ROSTER, people)
        folder.expect_containers(socket_named())
        services = Services(client, folder, plan, folder.subfolder("logs"), tell)
        services.start_stores()
        services.start_app()
        services.close()
        found = KeptStage(folder.path.name, plan.name, services.url, folder.path)
        with folder.living():
            found.rehearsed_by.write_text(
                from_outside(plan, services.url, folder.path / _ROSTER), encoding="utf-8"
            )
        document = asdict(found) | {"folder": str(found.folder)}
        with folder.living():
            (folder.path / _DESCRIPTION).write_text(json.dumps(document), encoding="utf-8")
        folder.keep()
    except BaseException:
        if services is not None:
            services.close()
        with suppress(StageUnusableError):  # what went wrong first is what is told
            clear_stage(folder.path.name, client)
            folder.remove()
        raise
    return found


def from_outside(plan: Plan, url: str, roster: Path) -> str:
    """Return a plan for a stage that is there already, with the students whom it knows.

    What sets a stage, or is done to it, is left out: of an external target it is refused.

    Args:
        roster: the file of the stage's students.
    """
    host = urlsplit(url).hostname or ""
    usual = Plan(name=plan.name)
    changed = {
        "target": Target(stage="external", url=url, allow=(host,)),
        "event": plan.event.model_copy(update={"roster": str(roster)}),
        "app": usual.app.model_copy(update={key: getattr(plan.app, key) for key in LETTING_IN}),
        "postgres": usual.postgres,
        "stage": usual.stage,
        "faults": (),
    }
    return plan_toml(plan.model_copy(update=changed))


def kept_stages() -> list[KeptStage]:
    """Return those of this user, oldest first."""
    found = []
    for folder in kept():
        document = _described(folder)
        if document is not None:
            found.append(KeptStage(folder.name, document["plan"], document["url"], folder))
    return found


def left_behind() -> list[str]:
    """Return the names of stages of which things of Docker's are there, and no folder any more.

    After a reboot, say, that emptied the temporary folder. Of a stage whose folder is elsewhere,
    another user's for one, this cannot be told apart: nobody removes them unasked.

    Raises:
        StageUnusableError: the daemon does not answer.
    """
    with doing("what is left of earlier stages cannot be listed"):
        names = stages(connect())
    return sorted(name for name in names if not (temporary_folder() / name).exists())


def _described(folder: Path) -> dict[str, str] | None:
    try:
        document = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # it has just been cleared
    return document if isinstance(document, dict) else None


def _listed(client: docker.DockerClient, stage: str) -> list[dict[str, Any]]:
    with doing(f"the containers of stage {stage} cannot be listed"):
        found = client.api.containers(all=True, filters={"label": f"{LABEL}={stage}"})
    return sorted(found, key=lambda one: str(one["Names"]))


def _name(container: dict[str, Any], stage: str) -> str:
    return str(container["Names"][0]).lstrip("/").removeprefix(f"{stage}-")
