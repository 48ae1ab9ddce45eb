"""Ctrl-C, and SIGTERM as a CI runner sends it, mean the same, wherever they come."""

import os
import signal

import pytest

from dress_rehearsal.rehearsal.signals import interruptible, noticed, uninterruptible

pytestmark = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@pytest.fixture(autouse=True)
def ignored(number):
    """What a shell does to SIGINT for what it runs in the background."""
    before = signal.signal(number, signal.SIG_IGN)
    yield
    assert signal.getsignal(number) is signal.SIG_IGN
    signal.signal(number, before)


def send(number):
    os.kill(os.getpid(), number)


def test_what_is_interruptible_is_left(number):
    with pytest.raises(KeyboardInterrupt), interruptible():
        send(number)
        pytest.fail("it went on")


def test_what_is_short_goes_on(number):
    with interruptible(), uninterruptible():
        send(number)


def test_a_wait_learns_that_it_may_be_cut_short(number):
    with noticed() as came:
        assert not came()
        send(number)
        assert came()
