"""The trial: whether a scenario of the user's own can be imported, before anything is started.

Run as `python -m dress_rehearsal.scenarios.trial RUN URL IN OUT`. It writes one line: `error` with
a sentence, or `fine`. A file may ask the app as it is imported, and that is not up yet: where it
failed because nobody answered, nothing is held against it, and the generator imports it again.
"""

import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import locust  # noqa: F401  (first: it makes the process cooperative)

from dress_rehearsal.plans import Plan, PlanError
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.scenarios.errors import ScenarioError
from dress_rehearsal.scenarios.lines import Lines
from dress_rehearsal.scenarios.loading import load_buyer
from dress_rehearsal.scenarios.reach import Reach

_LONGEST_S: Final = 60
"""After which the process ends whatever the file does, should nobody be there to end it."""
_UNANSWERED: Final = (ConnectionError, TimeoutError, socket.gaierror)


def try_import(plan: Plan, url: str) -> str | None:
    """Return why a scenario's file cannot be imported, as a sentence; None where it can be."""
    try:
        if plan.load is None:
            load_buyer(plan)
        else:
            from dress_rehearsal.scenarios.locustfiles.loaded import load_file

            load_file(Path(plan.scenario.file or ""), plan.load, url, plan.schedule.drain)
    except (PlanError, ScenarioError) as error:
        unanswered = any(isinstance(each, _UNANSWERED) for each in _causes(error))
        return None if unanswered else str(error)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and all that it came of."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop()
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [one for one in (each.__cause__, each.__context__) if one is not None]


def main(run: Path, url: str, orders: int, lines: int) -> int:
    """Try the scenario of a run and say what came of it; return the exit code."""
    plan = RunDirectory.open(run).plan()
    Reach(url, plan.target.allow).guard()  # before anything of the user's is run
    said = Lines(orders, lines)
    wrong = try_import(plan, url)
    said.say_last(kind="fine") if wrong is None else said.say_last(kind="error", message=wrong)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the conductor
    signal.alarm(_LONGEST_S)
    run, url, orders, lines = sys.argv[1:]
    sys.exit(main(Path(run), url, int(orders), int(lines)))
