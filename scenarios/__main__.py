"""The generator process that the conductor starts.

Run as `python -m dress_rehearsal.scenarios RUN ROSTER URL IN OUT`.
"""

import signal
import sys
from pathlib import Path

import locust  # noqa: F401  (first: it makes the process cooperative)

from dress_rehearsal.scenarios.generator import main

if __name__ == "__main__":
    # Ctrl-C goes to the whole terminal; the conductor alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run, roster, url, orders, lines = sys.argv[1:]
    if roster:
        sys.exit(main(Path(run), Path(roster), url, int(orders), int(lines)))
    # Nobody of ours acts: what is performed is a plain Locust file.
    from dress_rehearsal.scenarios.locustfiles.generator import main as perform

    sys.exit(perform(Path(run), url, int(orders), int(lines)))
