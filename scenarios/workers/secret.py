"""The secret that a master and its workers share: whoever knows it belongs to the rehearsal."""

import os
import stat
from pathlib import Path
from typing import Final

from dress_rehearsal.scenarios.errors import ScenarioError

VARIABLE: Final = "REHEARSE_WORKERS_SECRET"
"""The environment variable that has it."""
FILE_VARIABLE: Final = "REHEARSE_WORKERS_SECRET_FILE"
"""… or the one that names the file that has it, which nobody but its owner may read."""
LEAST_BYTES: Final = 16
_MOST_BYTES: Final = 4096


class SecretError(ScenarioError):
    """There is no secret, or none that may be used; the message says where one belongs."""


def given_secret() -> bytes:
    """Return the secret that the environment has, or names the file of.

    Raises:
        SecretError: there is none, it is too short, or others may read its file.
    """
    said, file = os.environ.get(VARIABLE), os.environ.get(FILE_VARIABLE)
    if said:
        return _long_enough(said.strip().encode(), VARIABLE)
    if file:
        return _long_enough(_read(Path(file)).strip(), f"the file that {FILE_VARIABLE} names")
    raise SecretError(
        f"Master and workers share a secret, and there is none: set {VARIABLE} to the same "
        f"{LEAST_BYTES} characters or more on all machines, or {FILE_VARIABLE} to a file that has "
        f"them. `openssl rand -hex 32` makes one."
    )


def _long_enough(secret: bytes, where: str) -> bytes:
    if len(secret) < LEAST_BYTES:
        raise SecretError(
            f"The secret of the workers, in {where}, has {len(secret)} characters: give at least "
            f"{LEAST_BYTES}. `openssl rand -hex 32` makes one."
        )
    return secret


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            # Whoever is given a secret by Docker or Kubernetes has it on a disk of its own that
            # nobody can write to, and often as another user than the one who made it.
            handed_in = bool(os.fstatvfs(file.fileno()).f_flag & os.ST_RDONLY)
            if mode & (stat.S_IRWXG | stat.S_IRWXO) and not handed_in:
                raise SecretError(
                    f"The file that {FILE_VARIABLE} names may be read by others than its owner: "
                    f"make it the owner's alone with `chmod 600`."
                )
            return file.read(_MOST_BYTES)
    except OSError as error:
        raise SecretError(
            f"The file that {FILE_VARIABLE} names cannot be read: {error.strerror}."
        ) from error
