"""What fills the variables of `docker-compose.yml`: the images that the user names, and secrets."""

import os
import shutil
from pathlib import Path
from typing import Final

from dress_rehearsal.compose.reference_app import ReferenceApp
from dress_rehearsal.compose.stage_folder import StageFolder

_IMAGE: Final = "_IMAGE"
_PREFIX: Final = "REHEARSE_"
_UNUSED: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "NEIGHBOURS_TOKEN")
"""What the file has a secret for though not every plan needs it."""


def given_images() -> dict[str, str]:
    """Return the variables that name other images than the file does."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_PREFIX) and name.endswith(_IMAGE) and value
    }


def write_secrets(folder: StageFolder, app: ReferenceApp, postgres: str, redis: str) -> Path:
    """Write each secret to a file of its own; return the folder they are in.

    The containers run as other users, so each file is for everybody to read, and the folder above
    for this user alone: from outside nobody gets to them.

    Args:
        postgres: the password of its superuser.
        redis: its password.
    """
    secrets = folder.subfolder("secrets")
    texts = {name.lower(): value for name, value in app.secrets.items()}
    texts |= {name.lower(): "" for name in _UNUSED if name.lower() not in texts}
    texts["postgres_password"] = postgres
    texts["redis.conf"] = f"requirepass {redis}\nport 6379\nbind * -::*\nprotected-mode no\n"
    with folder.living():
        for name, text in texts.items():
            path = secrets / name
            path.write_text(text, encoding="utf-8")
            path.chmod(0o444)
        shutil.copyfile(folder.path / "roster.csv", secrets / "roster.csv")
        (secrets / "roster.csv").chmod(0o444)
    return secrets
