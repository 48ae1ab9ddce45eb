"""Grants the write-back gave up on.

Run as `python -m dress_rehearsal.target_app.writeback.dead_letters [count|replay]`.

`count` prints how many there are; `replay` puts them back into the queue and prints how many.
"""

import asyncio
import sys

from dress_rehearsal.target_app.errors import DependencyDownError, SettingsError
from dress_rehearsal.target_app.queues.setup import make_queue
from dress_rehearsal.target_app.secret_files import environment
from dress_rehearsal.target_app.settings import QUEUE_NEEDS, Settings


def main(arguments: list[str]) -> int:
    """Do what is asked.

    Return 0 when done, 1 where the queue does not answer, 2 where arguments or settings are wrong.
    """
    command = arguments[0] if arguments else "count"
    if command not in ("count", "replay") or len(arguments) > 1:
        sys.stderr.write(
            "usage: python -m dress_rehearsal.target_app.writeback.dead_letters [count|replay]\n"
        )
        return 2
    try:
        settings = Settings.read(environment())
        count = asyncio.run(_run(settings, command))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except DependencyDownError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{count}\n")
    return 0


async def _run(settings: Settings, command: str) -> int:
    queue = make_queue(settings)
    if queue is None:
        queued = " or ".join(QUEUE_NEEDS)
        problem = f"There are dead letters with APP_ALLOCATION={queued} only."
        raise SettingsError([problem])
    await queue.open()
    try:
        return await queue.replay() if command == "replay" else (await queue.count()).dead
    finally:
        await queue.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
