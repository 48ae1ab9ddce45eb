"""A PostgreSQL for the examples, from this project's wheels: nobody needs a server of their own.

`python examples/postgres.py COMMAND …` starts one, runs the command with its address in `SHOP_DSN`
and a key for the shop's operators in `SHOP_ADMIN_KEY`, and throws the server away. It ends with the
command's exit code.
"""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dress_rehearsal.compose.processes import ProcessGroup
from dress_rehearsal.compose.servers.postgres import PostgresServer
from dress_rehearsal.compose.stage_folder import StageFolder

READY_S = 60.0


@contextmanager
def postgres() -> Iterator[str]:
    """Run a server; yields the connection string of an empty database in it."""
    folder = StageFolder.create()
    with tempfile.TemporaryDirectory() as logs:
        processes = ProcessGroup(folder, READY_S)
        try:
            server = PostgresServer(folder, Path(logs), max_connections=60)
            processes.run(server.initdb())
            processes.wait(processes.start(server.server()), server.answers)
            server.create_database()
            yield server.dsn()
        finally:
            try:
                processes.stop_all()
            finally:
                folder.remove()


def variables(dsn: str) -> dict[str, str]:
    """Return the environment that the shops and `rehearse` need, their programs first in PATH."""
    programs = str(Path(sys.executable).parent)
    return {
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "SHOP_DSN": dsn,
        "SHOP_ADMIN_KEY": os.environ.get("SHOP_ADMIN_KEY") or secrets.token_urlsafe(),
    }


def main() -> int:
    """Run the command that was given."""
    if len(sys.argv) < 2:
        sys.stderr.write("Usage: python examples/postgres.py COMMAND …\n")
        return 2
    with postgres() as dsn:
        environment = os.environ | variables(dsn)
        return subprocess.run(sys.argv[1:], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
