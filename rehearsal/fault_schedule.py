"""The fault schedule: has each fault of a plan happen at its moment, and end again."""

import threading
import time
from collections.abc import Callable

from dress_rehearsal.compose import Stage, StageError, UndecidedError
from dress_rehearsal.compose.faults.patience import RELIEVED_WITHIN_S
from dress_rehearsal.plans import Fault, Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.tables import NS_PER_S
from dress_rehearsal.reports.words import fault_words


class FaultSchedule:
    """Strikes and relieves from threads of its own, so that no fault waits for another.

    Every fault is stamped on the timeline when it goes on and off; one that could not be done is
    stamped with the reason as `error`. Whatever is still on at the end of the sale is ended then.

    Args:
        note: shows a sentence to whoever watches.
        ends_within_s: how long all of it may take to end: as long as the stage has patience for
            one, beside what Docker's daemon takes, for which nobody waits longer.
    """

    def __init__(
        self,
        plan: Plan,
        stage: Stage,
        run: RunDirectory,
        note: Callable[[str], None],
        *,
        ends_within_s: float = RELIEVED_WITHIN_S,
    ) -> None:
        self._plan = plan
        self._stage = stage
        self._run = run
        self._note = note
        self._over = threading.Event()
        self._ends_within_s = ends_within_s
        self._threads: list[tuple[Fault, threading.Thread]] = []
        self._telling = threading.Lock()
        self._told: set[int] = set()
        """Those of which the last was told, by their ids: that they are over, or could not be done,
        or were not ended in time. Nothing more is told of them."""

    def begin(self, t0_ns: int) -> None:
        """Wait for every fault's moment from now on."""
        for fault in self._plan.faults:
            thread = threading.Thread(
                target=self._play, args=(fault, t0_ns), name=f"fault {fault.title}", daemon=True
            )
            self._threads.append((fault, thread))
            thread.start()

    def end(self) -> None:
        """End what is still on; nothing is down any more when this returns.

        A fault that does not get ended in time is stamped so, and left: the run may be judged from
        now on, and what becomes of it later is not written into it.
        """
        self._over.set()
        until_s = time.monotonic() + self._ends_within_s
        for fault, thread in self._threads:
            thread.join(max(0.0, until_s - time.monotonic()))
            if thread.is_alive():
                why = f"It took more than {self._ends_within_s:g} s."
                self._failed(fault, why, on=False)
        self._threads.clear()

    def _play(self, fault: Fault, t0_ns: int) -> None:
        self._wait_until(t0_ns + round(fault.at * NS_PER_S))
        if self._over.is_set():
            self._failed(fault, "The rush was over before its moment came.", on=True)
            return
        if not self._do(fault, on=True, t0_ns=t0_ns):
            return
        self._wait_until(t0_ns + round(fault.ends(self._plan.schedule.sale) * NS_PER_S))
        self._do(fault, on=False, t0_ns=t0_ns)

    def _do(self, fault: Fault, *, on: bool, t0_ns: int) -> bool:
        """Strike or relieve; dated when it was done to the stage, not when that had ended.

        Return whether it is on now, or may be.
        """
        begun_ns = time.time_ns()
        try:
            if on:
                self._stage.strike(fault)
            else:
                self._stage.relieve(fault)
        except StageError as error:
            may_be_on = on and isinstance(error, UndecidedError)
            self._failed(fault, str(error), on=on, is_last=not may_be_on)
            return may_be_on
        except Exception as error:  # noqa: BLE001 - untold, the app would count as having stood it
            self._failed(fault, f"{type(error).__name__}: {error}.", on=on, is_last=not on)
            return on
        with self._telling:
            if self._may_tell(fault, is_last=not on):
                self._tell_done(fault, begun_ns, on=on, t0_ns=t0_ns)
        return True

    def _failed(self, fault: Fault, why: str, *, on: bool, is_last: bool = True) -> None:
        with self._telling:
            if self._may_tell(fault, is_last=is_last):
                self._tell_failed(fault, why, on=on)

    def _may_tell(self, fault: Fault, *, is_last: bool) -> bool:
        """Return whether something is to be told of a fault; of the last only one is."""
        if id(fault) in self._told:
            return False
        if is_last:
            self._told.add(id(fault))
        return True

    def _tell_done(self, fault: Fault, begun_ns: int, *, on: bool, t0_ns: int) -> None:
        if on:
            self._run.stamp(
                "fault",
                fault.title,
                t_ns=begun_ns,
                on=True,
                grade=fault.strength,
                what=fault.what,
                at_s=round((begun_ns - t0_ns) / NS_PER_S, 3),
            )
            grade = "" if fault.is_switch else f", {fault.strength}"
            self._note(f"Fault {fault_words(fault.title)}{grade}: {fault.what}.")
        else:
            self._run.stamp("fault", fault.title, t_ns=time.time_ns(), on=False)
            self._note(f"Fault {fault_words(fault.title)} is over.")

    def _tell_failed(self, fault: Fault, why: str, *, on: bool) -> None:
        self._run.stamp("fault", fault.title, t_ns=time.time_ns(), on=on, error=why)
        done = "done" if on else "ended"
        self._note(f"The fault {fault_words(fault.title)} could not be {done}: {why}")

    def _wait_until(self, t_ns: int) -> None:
        self._over.wait(max(0.0, (t_ns - time.time_ns()) / NS_PER_S))
