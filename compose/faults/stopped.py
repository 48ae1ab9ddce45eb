"""Processes of a stage that are stopped for a while: they live, and do nothing."""

from signal import SIGCONT, SIGSTOP

from dress_rehearsal.compose.pids import ProcessId


class Stopped:
    """Stops a process and what is below it by SIGSTOP, and has all of it go on by SIGCONT."""

    def __init__(self) -> None:
        self._processes: list[ProcessId] = []

    def stop(self, process: ProcessId) -> None:
        """Stop it and everything below it."""
        # It comes first: stopped, it starts nothing that would be missed below it.
        process.signal(SIGSTOP)
        self._processes.append(process)
        for child in process.descendants():
            child.signal(SIGSTOP)
            self._processes.append(child)

    def go_on(self) -> None:
        """Have everything go on that was stopped."""
        processes, self._processes = self._processes, []
        for process in reversed(processes):
            process.signal(SIGCONT)
