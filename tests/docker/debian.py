"""The rest of the images stand on this one: a small Debian with Python, made without a registry.

`debootstrap` fetches it from the mirror that this machine's apt uses. It takes a minute, so it is
kept as an archive beside the lock.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

SUITE = "bookworm"
INCLUDED = ("bash", "python3", "python3-pip")
PYTHON = "3.11"
"""The version of Python that suite has."""
_UNUSED = (
    *("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man"),
    *("var/cache/apt", "var/lib/apt/lists", "var/log"),
)
_DEBOOTSTRAP_S = 600.0
_COMMAND_S = 120.0


def archive(path: Path) -> Path:
    """Make the archive of the root file system at `path`, unless it is there; needs root."""
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        root, partial = Path(folder, "root"), Path(folder, path.name)
        _run(
            [
                "debootstrap",
                "--variant=minbase",
                f"--include={','.join(INCLUDED)}",
                SUITE,
                str(root),
                _mirror(),
            ],
            _DEBOOTSTRAP_S,
        )
        for unused in _UNUSED:
            shutil.rmtree(root / unused, ignore_errors=True)
            (root / unused).mkdir()
        _run(["tar", "--numeric-owner", "-C", str(root), "-cf", str(partial), "."], _COMMAND_S)
        partial.replace(path)
    return path


def _mirror() -> str:
    """Return the address from which apt fetches Debian's packages here."""
    listed = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)"], _COMMAND_S)
    return next(line for line in listed.splitlines() if "security" not in line)


def _run(command: list[str], timeout_s: float) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout
