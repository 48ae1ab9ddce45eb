"""One deadline for all of a stage, which those who had no processor put off for the others too."""

from types import SimpleNamespace

import pytest

from dress_rehearsal.compose import deadline as module
from dress_rehearsal.compose.deadline import KEPT_FROM_RUNNING, Deadline, Wait

LOOKS_S = 0.015


class Machine:
    """One on which everybody gets a share of a processor, and time goes by as it is looked at."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.share = 1.0
        """What a process gets that could use all of it."""
        self.shares: dict[int, float] = {}
        """… where it is not the same for all."""
        self.begun_s: dict[int, float] = {}
        self.ended: set[int] = set()
        self.looks = 0

    def begin(self, pid: int) -> None:
        self.begun_s[pid] = self.now_s

    def waited_s(self, pid: int) -> float | None:
        self.looks += 1
        if pid in self.ended:
            return None
        return (1 - self.of(pid)) * (self.now_s - self.begun_s[pid])

    def of(self, pid: int) -> float:
        return self.shares.get(pid, self.share)

    def ready(self, shared: Deadline, pid: int, work_s: float, *, ends: bool = False) -> float:
        """Wait for a process until it has done its work, or is given up; return how long (s).

        Args:
            ends: it is gone then.

        Raises:
            TimeoutError: it is given up.
        """
        wait, since_s = Wait(shared, lambda: [pid]), self.now_s
        while self.now_s - self.begun_s[pid] < work_s / self.of(pid):
            if wait.is_over():
                raise TimeoutError(f"{self.now_s - since_s:.2f}")
            self.now_s += LOOKS_S
        if ends:
            self.ended.add(pid)
        wait.end()
        return self.now_s - since_s


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(module, "longest_cpu_wait_s", made.waited_s)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: made.now_s))
    return made


def one_by_one(machine: Machine, *works_s: float, share: float, ends: bool = False) -> None:
    """Start and await one process after the other, all with a deadline of 2 s."""
    machine.share = share
    shared = Deadline(2.0, lambda: machine.begun_s)
    for pid, work_s in enumerate(works_s):
        machine.begin(pid)
        machine.ready(shared, pid, work_s, ends=ends)


@pytest.mark.parametrize("ends", [False, True], ids=["that serve", "that end"])
@pytest.mark.parametrize("works_s", [[0.5], [0.25, 0.25], [0.19, 0.05, 0.05], [0.1] * 5])
def test_the_same_work_is_waited_for_as_long_in_however_many_processes(
    machine: Machine, works_s: list[float], ends: bool
) -> None:
    """At a tenth of a processor; none of it is late by itself."""
    one_by_one(machine, *works_s, share=0.1, ends=ends)


def test_on_a_machine_that_is_not_busy_the_deadline_is_nobody_s_to_put_off(
    machine: Machine,
) -> None:
    one_by_one(machine, 0.9, 1.0, share=1.0)
    with pytest.raises(TimeoutError):
        one_by_one(machine, 0.9, 1.2, share=1.0)


def test_what_hangs_after_others_were_kept_from_running_is_given_up(machine: Machine) -> None:
    machine.share = 0.1
    shared = Deadline(2.0, lambda: machine.begun_s)
    machine.begin(1)
    took_s = machine.ready(shared, 1, 0.25)
    machine.share = 1.0  # from now on everybody has a processor
    machine.begun_s = dict.fromkeys(machine.begun_s, machine.now_s)
    machine.begin(2)
    with pytest.raises(TimeoutError) as failure:
        machine.ready(shared, 2, 300.0)
    assert took_s + float(f"{failure.value}") == pytest.approx(2.0 + 0.9 * took_s, abs=0.2)


@pytest.mark.parametrize("before", [0, 3])
def test_nobody_is_waited_for_longer_than_the_most(machine: Machine, before: int) -> None:
    machine.share, begun_s = 0.1, machine.now_s
    shared = Deadline(2.0, lambda: machine.begun_s)
    for pid in range(before):
        machine.begin(pid)
        machine.ready(shared, pid, 0.15)
    machine.begin(before)
    machine.share = 1e-3
    with pytest.raises(TimeoutError):
        machine.ready(shared, before, 300.0)
    longest_s = 2.0 * (1 + KEPT_FROM_RUNNING)
    assert longest_s <= machine.now_s - begun_s <= longest_s + 0.5 + LOOKS_S


@pytest.mark.parametrize(
    ("shares", "works_s"),
    [
        pytest.param([0.1, 0.1], [0.25, 0.4], id="both had none at the same time"),
        pytest.param([0.7, 0.1], [1.05, 0.4], id="one had more than the other"),
        pytest.param([1.0, 0.1], [1.5, 0.4], id="one had all the time, and took its time"),
    ],
)
def test_of_two_that_began_together_no_time_is_waited_for_twice(
    machine: Machine, shares: list[float], works_s: list[float]
) -> None:
    """They are awaited one after the other, and the second is what the stage is late for."""
    begun_s = machine.now_s
    shared = Deadline(2.0, lambda: machine.begun_s)
    for pid in (0, 1):
        machine.begin(pid)
    machine.shares = dict(enumerate(shares))
    for pid in (0, 1):
        machine.ready(shared, pid, works_s[pid])
    assert shared.kept_s == pytest.approx((1 - shares[1]) * (machine.now_s - begun_s), abs=0.05)


def test_counting_anew_forgets_what_was_kept_before(machine: Machine) -> None:
    machine.share = 0.1
    shared = Deadline(2.0, lambda: machine.begun_s)
    machine.begin(1)
    machine.ready(shared, 1, 0.4)
    assert shared.kept_s > 2.0
    shared.restart()
    assert not shared.kept_s
    assert not shared.kept_from_running_s([1])


def test_looks_are_seldom(machine: Machine) -> None:
    """Each asks every process of the machine, and takes from them what they are short of."""
    begun_s = machine.now_s
    with pytest.raises(TimeoutError):
        one_by_one(machine, 1e9, share=0.1)
    assert machine.looks <= 2 + (machine.now_s - begun_s) / 0.5


def test_nobody_looks_at_who_is_ready_soon(machine: Machine) -> None:
    one_by_one(machine, 0.4, 0.4, 0.4, share=1.0)
    assert not machine.looks
