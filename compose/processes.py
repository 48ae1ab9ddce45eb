"""The child processes of one stage, from the first one's start to the last one's end."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dress_rehearsal.compose.deadline import Deadline, Wait
from dress_rehearsal.compose.errors import (
    ProcessFailedError,
    StageError,
    StageNotReadyError,
    StageUnusableError,
    UndecidedError,
)
from dress_rehearsal.compose.losses import Losses, standing, unclean
from dress_rehearsal.compose.pids import ProcessId
from dress_rehearsal.compose.process import Managed, Spec
from dress_rehearsal.compose.stage import Loss
from dress_rehearsal.compose.stage_folder import StageFolder
from dress_rehearsal.compose.stage_record import RecordedProcess
from dress_rehearsal.compose.workers import Children, Workers

_POLL_S = 0.015
_ORPHAN_PATIENCE_S = 2.0
_ABANDON_S = 1.5
_STARTED_WITHIN_S = 1.0
"""How long whoever clears the stage waits for what a late fault has just begun to start again."""


class ProcessGroup:
    """Starts processes, waits for them, reports who was lost, and stops them last one first.

    A process is known by the name of its component, such as `app`. The app's workers are children
    of its main process and belong to the same component.

    Faults are done from threads of their own; every list here is replaced whole or appended to.

    Args:
        folder: keeps the record by which they are found should this process die.
        ready_within_s: how long all waiting together may take, counted from now; longer by as long
            as what was awaited was ready to run and had no processor, whoever had them, at most
            three times that.
        workers: tells those of the app; by default they are the children of its main process.
    """

    def __init__(
        self, folder: StageFolder, ready_within_s: float, workers: Workers | None = None
    ) -> None:
        self._folder = folder
        self._members: list[Managed] = []  # in the order they were started
        self._one_off: Managed | None = None  # one that ends by itself, while it runs
        self._workers = workers or Children()
        self._losses = Losses(lambda: self._members, self._workers)
        self._restarting = threading.Lock()
        self._ending = False
        self._deadline = Deadline(ready_within_s, lambda: (pid for _, pid in self.members()))

    def restart_deadline(self) -> None:
        """Count the time that all waiting may take from now again."""
        self._deadline.restart()

    def start(self, spec: Spec) -> Managed:
        """Start a process that is to serve until it is stopped."""
        process = self._launch(spec)
        self._members.append(process)
        return process

    def run(self, spec: Spec, within_s: float | None = None) -> None:
        """Start a process that ends by itself, and wait until it has ended well.

        Args:
            within_s: patience of its own, never longer than that; by default what is left of the
                time for all waiting (`Deadline`).

        Raises:
            ProcessFailedError: it did not, or one that serves ended meanwhile.
            StageNotReadyError: it takes too long.
        """
        one_off = self._one_off = self._launch(spec)
        self.wait(one_off, lambda: one_off.exit_code == 0, within_s)
        self._one_off = None
        self._folder.forget(one_off.pid)

    def wait(
        self, awaited: Managed, ready: Callable[[], bool], within_s: float | None = None
    ) -> None:
        """Return as soon as `ready`; fail as soon as anything has ended that nobody stopped.

        Args:
            awaited: whose component it is that gets ready: all of it may be kept from running.
            within_s: patience of its own, never longer than that; by default what is left of the
                time for all waiting (`Deadline`).

        Raises:
            ProcessFailedError: something has ended.
            StageNotReadyError: it takes too long.
        """
        patience = self._patience(awaited, within_s)
        while not ready():
            for process in self._all():
                code = process.exit_code
                stopped = process.asked_to_stop and process is not awaited
                if code is not None and not (stopped or (process is self._one_off and code == 0)):
                    raise ProcessFailedError(
                        process.name,
                        process.how_it_ended(code),
                        str(process.spec.log),
                        process.last_lines(),
                    )
            if patience.is_over():
                raise StageNotReadyError(
                    awaited.name, patience.had_s, str(awaited.spec.log), awaited.last_lines()
                )
            time.sleep(_POLL_S)
        patience.end()

    def dismiss(self, process: Managed) -> None:
        """Have no more to do with a process that has ended."""
        self._members = [one for one in self._members if one is not process]
        self._folder.forget(process.pid)

    def members(self) -> list[tuple[str, int]]:
        """List the processes that run now as (component, pid), workers of the app included."""
        found = []
        for process in self._members:
            if process.exit_code is None:
                found.append((process.name, process.pid))
                if process.name == "app":
                    found += [("app", pid) for pid in sorted(self._workers.below(process))]
        return found

    def lost(self) -> list[Loss]:
        """List what ended since this was last asked though nobody stopped it, or as planned."""
        return self._losses.take()

    def ask_to_end(self, name: str, number: signal.Signals | None = None) -> float:
        """Send a component a signal that ends it, as planned; return how long it may take (s).

        Args:
            number: the signal; by default the first that it ends by.

        Raises:
            UndecidedError: it may have been asked.
            StageUnusableError: it does not run, or cannot be asked.
        """
        process = self._serving(name)
        with self._asking(process):  # from here on nobody takes its workers' end for a loss
            process.ask(number)
        return process.stop_signals[0][1]

    def kill_planned(self, name: str) -> None:
        """SIGKILL a component and everything below it, as planned.

        Raises:
            UndecidedError: it may have been killed, or ends yet.
            StageUnusableError: it does not run, or cannot be killed.
        """
        process = self._serving(name)
        with self._asking(process):
            process.kill()

    def await_end(self, name: str, within_s: float, why: str, *, well: bool = False) -> None:
        """Wait for a component that was asked to end, or kill it; its end is a planned loss.

        Args:
            well: it is to end with 0 and in time, else the loss is not the plan's.

        Raises:
            StageUnusableError: nobody of that name was asked.
        """
        asked = [one for one in self._members if _is(one, name) and one.asked_to_stop]
        if not asked:
            raise StageUnusableError(f"The end of {name} cannot be awaited: nobody asked for it.")
        code = asked[0].wait(within_s)
        if code is None:
            code = asked[0].kill()
        if well and code != 0:
            loss = unclean(asked[0], code)
        else:
            loss = Loss(name, asked[0].pid, code, why, planned=True)
        self._losses.add(loss)

    def restart(self, name: str) -> Managed:
        """Start a component again that was stopped or killed, on what it had before.

        Raises:
            StageUnusableError: it never was, cannot be started, or the stage is cleared meanwhile.
        """
        cleared = StageUnusableError(f"{name} is not started again: the stage is cleared.")
        with self._restarting:
            if self._ending:
                raise cleared
            for position, gone in enumerate(self._members):
                if _is(gone, name) and gone.exit_code is not None:
                    process = self._launch(gone.spec, instead_of=gone.pid)
                    self._members[position] = process
                    if self._ending:  # whoever clears may have looked before it was there
                        process.kill()
                        raise cleared
                    return process
                if _is(gone, name):  # whoever asked it to end does not know whether it heard
                    gone.asked_to_stop = False
        raise StageUnusableError(f"{name} cannot be started again: it is not down.")

    def kill_worker(self, why: str) -> None:
        """SIGKILL one of the app's workers; a planned loss.

        Raises:
            StageUnusableError: there is none.
        """
        victim = self.worker()
        self._losses.plan_worker(self._serving("app"), victim.pid, why)
        try:
            victim.signal(signal.SIGKILL)
        except BaseException:
            self._losses.unplan_worker(victim.pid)
            raise

    def worker(self) -> ProcessId:
        """Return one of the app's workers.

        Raises:
            StageUnusableError: there is none.
        """
        workers = [ProcessId.of(pid) for pid in sorted(self._workers.below(self._serving("app")))]
        found = next((worker for worker in workers if worker is not None), None)
        if found is None:
            raise StageUnusableError("Nothing can be done to a worker of the app: none runs.")
        return found

    def serving(self, name: str) -> ProcessId:
        """Return a component's main process.

        Raises:
            StageUnusableError: it does not run.
        """
        found = self._serving(name).identity
        if found is None:
            raise StageUnusableError(f"Nothing can be done to {name}: it has just ended.")
        return found

    def expect_loss(self, why: str | None) -> None:
        """Take the next worker that ends for a planned loss, or (None) none any more."""
        self._losses.plan_next_worker(why)

    def stop_all(self) -> list[Loss]:
        """Stop all with patience, last one first; return those that stood still or ended badly."""
        self._end()
        found = []
        for process in reversed(self._members):
            if process.exit_code is None:
                found += standing(process)
                if (code := process.stop()) != 0:
                    found.append(unclean(process, code))
        return found

    def discard(self, name: str) -> None:
        """Kill a component, where there is one, and have no more to do with it."""
        for process in self._members:
            if process.name == name:
                process.kill()
                self.dismiss(process)

    def abandon(self) -> None:
        """Stop all processes at once and quickly, owing nobody a clean end."""
        self._end()
        running = [one for one in self._all() if one.exit_code is None]
        for process in running:
            if process.identity is not None:
                process.identity.continue_tree()
            process.ask()
        deadline = time.monotonic() + _ABANDON_S
        for process in running:
            if process.wait(max(0.0, deadline - time.monotonic())) is None:
                process.kill()

    @contextmanager
    def _asking(self, process: Managed) -> Iterator[None]:
        """Ask a process to end while nobody looks for losses.

        Raises:
            UndecidedError: that failed, and it may end by it all the same.
        """
        with self._losses.looking:
            try:
                yield
            except StageError as error:
                if not process.asked_to_stop:
                    raise
                raise UndecidedError(f"{error} It may end all the same.") from error

    def _end(self) -> None:
        """Have no thread of a late fault start anything again from now on.

        One that has begun to do so is waited for a moment; later it ends itself what it starts.
        """
        self._ending = True
        if self._restarting.acquire(timeout=_STARTED_WITHIN_S):
            self._restarting.release()

    def _launch(self, spec: Spec, instead_of: int | None = None) -> Managed:
        process = spec.start()
        try:
            self._record(process, instead_of)
        except BaseException:
            process.kill()  # nobody would stop it
            raise
        return process

    def _record(self, process: Managed, instead_of: int | None) -> None:
        """Have whoever clears the stage stop it."""
        if process.identity is not None:
            self._folder.record(
                RecordedProcess(
                    process.name,
                    process.identity.pid,
                    process.identity.started,
                    tuple(number.name for number, _ in process.stop_signals),
                    ends_itself_s=0.0,
                    patience_s=_ORPHAN_PATIENCE_S,
                ),
                instead_of,
            )

    def _patience(self, awaited: Managed, within_s: float | None) -> Wait:
        if within_s is not None:
            return Wait(Deadline(within_s), tuple)

        def component() -> list[int]:
            of_it = [one for one in self._all() if one.name == awaited.name]
            return [pid for one in of_it for pid in (one.pid, *self._workers.below(one))]

        return Wait(self._deadline, component)

    def _all(self) -> list[Managed]:
        return [*self._members, self._one_off] if self._one_off else self._members

    def _serving(self, name: str) -> Managed:
        for process in self._members:
            if _is(process, name) and process.exit_code is None:
                return process
        raise StageUnusableError(f"Nothing can be done to {name}: it does not run.")


def _is(process: Managed, name: str) -> bool:
    """Return whether a process is meant by a name: its component's, or its own among several."""
    return name in (process.name, process.label)
