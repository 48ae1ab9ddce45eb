"""The `rehearse` command, and `python -m dress_rehearsal.rehearsal`: loads the command line.

Loading takes a moment, in which nothing is started yet: Ctrl-C then simply ends it. While the
command is at work it decides itself what Ctrl-C means, and once it is done there is nothing left
to interrupt.
"""

import gc
import os
import signal
import sys
from types import FrameType, TracebackType

_INTERRUPTED = 1
_GARBAGE = (50_000, 20, 10)
"""How many objects are made before garbage is looked for: loading makes hundreds of thousands, and
a report's figures again, of which hardly any is garbage."""


def main() -> int:
    """Run the command that the process's arguments name; return its exit code."""
    signal.signal(signal.SIGINT, _leave)
    gc.set_threshold(*_GARBAGE)
    _open_descriptors()
    from dress_rehearsal.records.environment_variables import (
        leave_surroundings_outside,
        left_outside,
    )

    leave_surroundings_outside()
    # Only now: libraries read their variables while they are imported.
    from dress_rehearsal.plans.secrets import look_also_in
    from dress_rehearsal.rehearsal.cli import main as command

    look_also_in(left_outside())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.excepthook = _print_defect
    return command()


def _open_descriptors() -> None:
    """Open those of the standard descriptors that are closed on nothing.

    Otherwise the first file or socket that is opened gets the number of standard output, and with
    it whatever a library prints.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(_INTERRUPTED)


def _print_defect(
    kind: type[BaseException], error: BaseException, where: TracebackType | None
) -> None:
    """Print what should not have happened: what it quotes is shown, never obeyed."""
    import traceback

    from dress_rehearsal.plans.visible import visible

    if sys.stderr is not None:
        sys.stderr.write(visible("".join(traceback.format_exception(kind, error, where))))


if __name__ == "__main__":
    sys.exit(main())
