"""The generator process that the conductor starts.

Run as `python -m dress_rehearsal.scenarios RUN ROSTER URL IN OUT`.
"""

import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import locust  # noqa: F401  (first: it makes the process cooperative)

from dress_rehearsal.records import RecordError, RunDirectory
from dress_rehearsal.scenarios.client.wire import ClientSocket
from dress_rehearsal.scenarios.generator import forked_beforehand, main
from dress_rehearsal.scenarios.memory import do_without_pandas
from dress_rehearsal.scenarios.reach import Reach
from dress_rehearsal.scenarios.workers.__main__ import play_forked
from dress_rehearsal.scenarios.workers.process import ForkedWorker, forked_workers


def know_whose(run: Path, url: str) -> None:
    """Have a scenario of the user's own connect to nobody who is not allowed, and ours do with less
    memory."""
    with suppress(RecordError):  # of a run without a plan nothing is performed, and that is told
        plan = RunDirectory.open(run).plan()
        if plan.bundled:
            do_without_pandas()
        else:
            Reach(url, plan.target.allow, ClientSocket).guard()


def forked(run: Path, url: str, held: Sequence[int]) -> list[ForkedWorker]:
    """Fork the workers that are to be, before there is anything else; in one of them play.

    Args:
        held: descriptors that are the master's alone.
    """
    number = 0
    with suppress(RecordError):
        number = forked_beforehand(run, url)
    workers = forked_workers(number, held) if number else []
    if workers is None:
        sys.exit(play_forked())
    return workers


if __name__ == "__main__":
    # Ctrl-C goes to the whole terminal; the conductor alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run, roster, url, orders, lines = sys.argv[1:]
    if roster:
        workers = forked(Path(run), url, (int(orders), int(lines)))
        know_whose(Path(run), url)  # before anything of the user's is run
        sys.exit(main(Path(run), Path(roster), url, int(orders), int(lines), workers))
    # Nobody of ours acts: what is performed is a plain Locust file.
    from dress_rehearsal.scenarios.locustfiles.generator import main as perform

    sys.exit(perform(Path(run), url, int(orders), int(lines)))
