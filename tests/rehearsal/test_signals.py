"""Ctrl-C, SIGTERM as a CI runner sends it, and SIGHUP mean the same, wherever they come."""

import os
import signal
import subprocess
import sys
import time

import pytest

from dress_rehearsal.rehearsal import signals
from dress_rehearsal.rehearsal.signals import interruptible, noticed, uninterruptible

pytestmark = pytest.mark.parametrize("number", signals._ENDINGS)


@pytest.fixture(autouse=True)
def ignored(number):
    """What a shell does to SIGINT for what it runs in the background."""
    before = signal.signal(number, signal.SIG_IGN)
    yield
    assert signal.getsignal(number) is signal.SIG_IGN
    signal.signal(number, before)


def send(number):
    os.kill(os.getpid(), number)


class Ending:
    """Has a signal come in its destructor."""

    def __init__(self, number):
        self._number = number

    def __del__(self):
        send(self._number)
        for _ in range(1000):
            pass
        pytest.fail("nothing was raised in it")


def test_what_is_interruptible_is_left(number):
    with pytest.raises(KeyboardInterrupt), interruptible():
        send(number)
        pytest.fail("it went on")


def test_one_that_comes_in_a_destructor_is_not_lost(number):
    """The interpreter ignores what is raised there, and in the callbacks of its import locks."""

    with pytest.raises(KeyboardInterrupt), interruptible():
        Ending(number)
        time.sleep(10)
        pytest.fail("it went on")
    time.sleep(2 * signals._AGAIN_S)  # nothing comes afterwards


def test_what_was_lost_before_something_short_is_raised_after_it(number):
    """It came before, so it is none of what is ignored meanwhile."""
    went_on = False

    with pytest.raises(KeyboardInterrupt), interruptible():
        Ending(number)
        with uninterruptible():
            time.sleep(3 * signals._AGAIN_S)
            went_on = True
        time.sleep(10)
        pytest.fail("it was lost")
    assert went_on
    time.sleep(3 * signals._AGAIN_S)  # nothing comes afterwards


def test_what_else_is_ignored_is_told_as_before(number, monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: told.append(what.exc_type))

    class Ending:
        def __del__(self):
            raise ValueError

    with interruptible():
        Ending()
    Ending()
    assert told == [ValueError, ValueError]


def test_what_is_short_goes_on(number):
    with interruptible(), uninterruptible():
        send(number)


def test_a_wait_learns_that_it_may_be_cut_short(number):
    with noticed() as came:
        assert not came()
        send(number)
        assert came()


def test_several_at_once_are_one_wish(number):
    """The kernel and the shell both say that a terminal has been closed."""
    came = 0
    with interruptible():
        for other in signals._ENDINGS:
            try:
                send(other)
            except KeyboardInterrupt:
                came += 1
    assert came == 1


def test_what_nohup_has_ignored_stays_ignored(number):
    code = (
        "import os, signal; from dress_rehearsal.rehearsal.signals import interruptible\n"
        "with interruptible(): os.kill(os.getpid(), signal.SIGHUP); print('goes on')"
    )
    done = subprocess.run(["nohup", sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"goes on\n"
