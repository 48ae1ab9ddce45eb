"""Settings in files: a container gets its secrets so, and not in its environment.

Where `APP_SECRETS_DIR` names a folder, a file in it that is called like a setting in lower case,
such as `app_jwt_secret`, is that setting. Without that variable no file is looked for: what a
machine happens to have below `/run/secrets` is nobody's setting.
"""

import os
import re
from collections.abc import MutableMapping
from pathlib import Path

from dress_rehearsal.target_app.errors import SettingsError

FOLDER_VARIABLE = "APP_SECRETS_DIR"
_NAME = re.compile(r"(app|aws|neighbours)_[a-z0-9_]+")
_LIMIT_BYTES = 64 * 1024


def environment() -> MutableMapping[str, str]:
    """Return this process's environment, to which the settings in files have been added.

    They are added to `os.environ` itself, where libraries look for some of them (`AWS_…`).

    Raises `SettingsError`, which names files and never says what is in them: one cannot be read,
    or the environment holds another value of the same setting.
    """
    folder = os.environ.get(FOLDER_VARIABLE, "").strip()
    if folder:
        add_files(Path(folder), os.environ)
    return os.environ


def add_files(folder: Path, variables: MutableMapping[str, str]) -> None:
    """Add the settings in the files of `folder`; raises as `environment` does, and adds nothing."""
    found: dict[str, str] = {}
    problems = []
    try:
        files = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except OSError as error:
        raise SettingsError(
            [f"The folder {folder} ({FOLDER_VARIABLE}) cannot be read: {error.strerror}."]
        ) from error
    for path in files:
        name = path.name.upper()
        try:
            value = _content(path)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            problems.append(f"{name} cannot be read from the file {path}: {reason}.")
            continue
        if not value:
            continue  # as an empty variable: not set
        if variables.get(name, "").strip() not in ("", value):
            problems.append(
                f"{name} is set in the environment, and the file {path} holds another value; "
                "keep one of them."
            )
        found[name] = value
    if problems:
        raise SettingsError(problems)
    variables.update(found)


def _content(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_LIMIT_BYTES + 1)
    if len(content) > _LIMIT_BYTES:
        raise ValueError(f"it is longer than {_LIMIT_BYTES} bytes")
    try:
        value = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    if "\0" in value:
        raise ValueError("it holds a zero byte")
    return value
