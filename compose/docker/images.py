"""The images that a stage is made of: ours is built, others are pulled where they are not there."""

import io
import re
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import docker
import docker.errors
from docker.utils import parse_repository_tag

from dress_rehearsal.compose.docker.clearing import IN_USE
from dress_rehearsal.compose.docker.daemon import doing
from dress_rehearsal.compose.docker.service_spec import Build, ServiceSpec
from dress_rehearsal.compose.errors import StageUnusableError, log_sentence
from dress_rehearsal.compose.held_name import held_name

Tell = Callable[[str], None]
"""Shows what is being done now."""

CONTEXT: Final = (
    "compose/Dockerfile",
    "compose/answers.sh",
    "compose/relay",
    "compose/requirements",
    "compose/servers/moto_server.py",
    "target_app",
)
"""What our images are built of, in the folder above `compose/`."""
_DOCKERS_OWN: Final = ("Removing intermediate container", " ---> ")
OURS: Final = "dress-rehearsal.image"
"""The label that the Dockerfile gives to every image of ours."""
_STEP: Final = re.compile(r"Step (\d+)/(\d+)")
_LAYER: Final = re.compile(r"---> ([0-9a-f]{12})\s*$")
_COLOUR: Final = re.compile("\x1b\\[[0-9;]*m")
_LAST_LINES: Final = 15
_TELL_S: Final = 2.0
"""How often it is said how far a build is: what did not change is done at once."""
_BUILDS: Final = "images"
_OTHERS_WITHIN_S: Final = 900.0
_LOOK_S: Final = 0.2


def provide(
    client: docker.DockerClient, services: Iterable[ServiceSpec], tell: Tell, stage: str
) -> dict[str, str]:
    """Have every image of these services on this machine; return their IDs by their names.

    A name may be another image's a moment later: another run builds its own. So one run builds at a
    time, and what it has built keeps a name of the stage's until that is cleared.

    Args:
        stage: the name of the stage's folder.

    Raises:
        StageUnusableError: one cannot be built or pulled; what was made for it is gone again.
    """
    wanted = list(services)
    built = {service.image: service.build for service in wanted if service.build is not None}
    ids = {}
    if built:
        with _building_alone(tell):
            for number, (image, build) in enumerate(built.items()):
                ids[image] = _build(client, image, build, tell)
                with doing(f"the stage is not set: the image {image} cannot be kept for it"):
                    client.api.tag(ids[image], IN_USE, f"{stage}-{number}")
    for image in sorted({service.image for service in wanted} - set(built)):
        ids[image] = _id_of(client, image) or _pull(client, image, tell)
    return ids


@contextmanager
def _building_alone(tell: Tell) -> Iterator[None]:
    """Build while nobody else of this machine does.

    Raises:
        StageUnusableError: another one takes too long.
    """
    deadline = time.monotonic() + _OTHERS_WITHIN_S
    held = held_name(_BUILDS)
    if held is None:
        tell("waiting for another rehearsal that builds images")
    while held is None:
        if time.monotonic() > deadline:
            raise StageUnusableError(
                f"The stage is not set: another rehearsal on this machine has been building images "
                f"for {_OTHERS_WITHIN_S:.0f} s: see whether it goes on, and try again."
            )
        time.sleep(_LOOK_S)
        held = held_name(_BUILDS)
    with held:
        yield


def _pull(client: docker.DockerClient, image: str, tell: Tell) -> str:
    tell(f"pulling {image}")
    with doing(
        f"the stage is not set: the image {image} is not on this machine and cannot be pulled"
    ):
        name, tag = parse_repository_tag(image)
        for line in client.api.pull(name, tag=tag or "latest", stream=True, decode=True):
            if "error" in line:
                raise docker.errors.APIError(str(line["error"]))
        return str(client.images.get(image).id)


def _build(client: docker.DockerClient, image: str, build: Build, tell: Tell) -> str:
    """Build an image; return its ID. What did not change since the last time is not made again.

    What a failing build leaves behind, and the image that a new one takes the name from, are
    removed: they are ours, and nobody else knows of them.
    """
    tell(f"building {image}")
    with doing(f"the stage is not set: the image {image} cannot be built"):
        before = {str(one["Id"]) for one in client.api.images(all=True)}
        named = _id_of(client, image)
        if named is not None and OURS not in (client.images.get(image).labels or {}):
            raise StageUnusableError(
                f"The stage is not set: there is an image {image} that is not ours, and building "
                f"would take its name away: name another one in REHEARSE_APP_IMAGE."
            )
        made: list[str] = []
        try:
            found = _make(client, image, build, made, tell)
        except BaseException:
            _forget(client, made, before)
            raise
        if named not in (None, found) and not client.images.get(named).tags:
            _forget(client, [named], set(), with_parents=True)
        return found


def _make(
    client: docker.DockerClient, image: str, build: Build, made: list[str], tell: Tell
) -> str:
    """Have the daemon build it; return its ID. What it makes is added to `made` as it goes."""
    found = ""
    lines: list[str] = []
    told_s = time.monotonic()
    for line in client.api.build(
        fileobj=_context(build),
        custom_context=True,
        dockerfile=build.dockerfile,
        target=build.target or "",
        buildargs=dict(build.args),
        tag=image,
        rm=True,
        forcerm=True,
        network_mode="host",
        decode=True,
    ):
        text = _COLOUR.sub("", str(line.get("stream", ""))).rstrip()
        lines += [each for each in text.splitlines() if each.strip()]
        made += _LAYER.findall(text)
        found = str(line.get("aux", {}).get("ID", found))
        step = _STEP.match(text)
        if step is not None and time.monotonic() > told_s + _TELL_S:
            told_s = time.monotonic()
            tell(f"building {image}: step {step[1]} of {step[2]}")
        if "error" in line:
            raise _failed(image, str(line["error"]), lines)
    return found


def _failed(image: str, error: str, lines: list[str]) -> StageUnusableError:
    said = [line for line in lines if not line.startswith(_DOCKERS_OWN)]
    return StageUnusableError(
        f"The stage is not set: the image {image} cannot be built: {error.rstrip('.')}; "
        f"{log_sentence('the log of the build', said[-_LAST_LINES:])}"
    )


def _id_of(client: docker.DockerClient, image: str) -> str | None:
    """Return the ID of an image of this machine; None: it has none of that name."""
    with doing(f"the stage is not set: the image {image} cannot be looked for"):
        try:
            return str(client.images.get(image).id)
        except docker.errors.ImageNotFound:
            return None


def _forget(
    client: docker.DockerClient, layers: list[str], before: set[str], *, with_parents: bool = False
) -> None:
    """Remove images of ours that nobody uses, last made first: each rests on the one before."""
    for layer in reversed(layers):
        if any(one.partition(":")[2].startswith(layer) for one in before):
            continue
        try:
            client.images.remove(layer, noprune=not with_parents)
        except docker.errors.APIError:
            continue  # a container or another image rests on it, so it is in use


def _context(build: Build) -> io.BytesIO:
    """Return what our images are built of as a tar file: the app, and which packages it needs."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path in _files(build.context):
            name = path.relative_to(build.context).as_posix()
            tar.add(path, arcname=name, recursive=False, filter=_anybodys)
    packed.seek(0)
    return packed


def _files(context: Path) -> Iterator[Path]:
    for name in CONTEXT:
        place = context / name
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def _anybodys(found: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return a file without owner and time, so that the same content is the same layer."""
    found.uid = found.gid = 0
    found.uname = found.gname = ""
    found.mtime = 0
    found.mode = 0o755 if found.mode & 0o100 else 0o644
    return found
