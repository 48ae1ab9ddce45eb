"""The secrets of a stage in containers: a folder with a file for each (`docker-compose.yml`).

`python3 compose/secret_files.py [FOLDER]` makes a folder to try it by hand, without anything
installed; what is in it already stays. The folder is for its owner alone. The files in it are
readable for all: in a container, where nothing of the folder but single files is seen, other users
than the owner read them.
"""

import argparse
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

DATABASE: Final = "festival"
"""The database in the container of PostgreSQL, and its user."""
POSTGRES_PORT: Final = 5432
REDIS_PORT: Final = 6379
_SECRET_BYTES: Final = 32
_STUDENTS_TO_TRY: Final = 100


def secret_files(
    roster: str, database: str | None = None, redis: str | None = None
) -> dict[str, str]:
    """Return new secrets: what is in each file, by the file's name.

    Args:
        roster: the students, as CSV (`target_app/roster.py`); their PINs are secrets too.
        database: PostgreSQL's password, where it has one already.
        redis: that of Redis.
    """
    database, redis = database or _secret(), redis or _secret()
    return {
        "postgres_password": database,
        "redis.conf": f"port {REDIS_PORT}\nbind * -::*\nprotected-mode no\nrequirepass {redis}\n",
        "app_database_dsn": (
            f"postgresql://{DATABASE}:{database}@postgres:{POSTGRES_PORT}/{DATABASE}"
        ),
        "app_redis_url": f"redis://:{redis}@redis:{REDIS_PORT}/0",
        "app_jwt_secret": _secret(),
        "app_qr_secret": _secret(),
        "app_pin_secret": _secret(),
        "app_admin_token": _secret(),
        "app_gate_token": _secret(),
        "neighbours_token": _secret(),
        "workers_secret": _secret(),
        # Whoever uses another queue service than that of a stage has keys of their own.
        "aws_access_key_id": "rehearsal",
        "aws_secret_access_key": _secret(),
        "roster.csv": roster,
    }


def write_secret_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files that are missing; raises `OSError` where that is not possible."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name, content in files.items():
        file = folder / name
        if file.is_dir():  # Docker makes one where a container was started without the file
            file.rmdir()
        if not file.exists():
            partial = folder / f".{name}.partial"
            partial.write_text(content, encoding="utf-8")
            partial.chmod(0o444)
            partial.replace(file)


def _secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)


def _roster_to_try() -> str:
    rows = [f"s{number:05d},{secrets.randbelow(10**6):06d},1" for number in range(_STUDENTS_TO_TRY)]
    return "\n".join(["student,pin,enrolled", *rows]) + "\n"


def _kept(file: Path) -> str | None:
    """Return the password at the end of a file, which another file has to agree with."""
    words = file.read_text("utf-8").split() if file.is_file() else []
    return words[-1] if words else None


def main(arguments: list[str]) -> int:
    """Make a folder to try the containers by hand, say where it is, and return the exit code."""
    parser = argparse.ArgumentParser(
        description="Make the secrets of compose/docker-compose.yml; what is there already stays."
    )
    usual = Path(__file__).parent / "secrets"
    parser.add_argument("folder", type=Path, nargs="?", default=usual, help="where (%(default)s)")
    folder: Path = parser.parse_args(arguments).folder
    try:
        passwords = _kept(folder / "postgres_password"), _kept(folder / "redis.conf")
        write_secret_files(folder, secret_files(_roster_to_try(), *passwords))
    except OSError as error:
        sys.stderr.write(f"The secrets cannot be written to {folder}: {error.strerror}.\n")
        return 1
    sys.stdout.write(f"The secrets are in {folder}; {folder / 'roster.csv'} has the students.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
