"""What a student who waits for an answer has on the stack fits one page of memory.

Python keeps the frames of a greenlet in memory of its own, of which whole pages count; with
100,000 students a second page each is 400 MB.
"""

import sys

import pytest

from dress_rehearsal.scenarios.client.connection import Connection
from tests.scenarios.students.conftest import SHOP

PAGE_BYTES = 4096
UNDER_LOCUST_BYTES = 128
"""Of what begins a story there."""
BELOW_BYTES = 320
"""Of what is called while a request is sent, and is over before the wait."""
FRAME_BYTES, WORD_BYTES = 80, 8
DEEPER = SHOP.replace(
    'def arrive(self):\n            self.client.get("/page")',
    "def arrive(self, left=16):\n"
    '            self.arrive(left - 1) if left else self.client.get("/page")',
)


@pytest.fixture
def deepest(played, monkeypatch):
    """Return the most bytes of frames that anybody had who waited, by CPython 3.11's sizes."""
    most = [0]
    waits = Connection._wait

    def waiting(self):
        frame, taken = sys._getframe(1), 0
        while frame is not None:
            code = frame.f_code
            words = code.co_nlocals + len(code.co_cellvars) + len(code.co_freevars)
            taken += FRAME_BYTES + WORD_BYTES * (words + code.co_stacksize)
            frame = frame.f_back
        most[0] = max(most[0], taken)
        waits(self)

    monkeypatch.setattr(Connection, "_wait", waiting)

    def of(scenario):
        played(scenario)
        return most[0]

    return of


def test_a_wait_for_an_answer_fits_a_page(deepest, server):
    taken = deepest(SHOP)
    assert 0 < taken + UNDER_LOCUST_BYTES + BELOW_BYTES <= PAGE_BYTES


def test_a_deeper_one_would_not(deepest, server):
    assert deepest(DEEPER) > PAGE_BYTES
