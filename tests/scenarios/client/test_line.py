"""A line through TLS that fails: an answer that was whole by then is an answer."""

import ssl
from types import SimpleNamespace

import pytest

from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.http import Answer
from dress_rehearsal.scenarios.client.line import Line
from dress_rehearsal.scenarios.errors import NotAnsweredError

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NEW_KEYS = b"new keys"


def fails(error):
    def fail(*_):
        raise error

    return fail


def told(parts, then=None):
    """What TLS makes of what came: parts of an answer, and after them a failure."""
    yield from parts
    if then is not None:
        raise then


def taken_in(parts, *, sent=len, then=None, reply=NEW_KEYS):
    """Return the answer that a read through TLS brought.

    Args:
        parts: what the records say.
        sent: sends what TLS itself replies.
        then: what becomes of the record after them.
    """
    line = object.__new__(Line)
    line.plain = SimpleNamespace(recvmsg=lambda *_: (b"record", [], 0, None), send=sent)
    line._tls = SimpleNamespace(
        take_in=lambda _: None, plain=lambda: told(parts, then), outgoing=lambda: reply
    )
    answer = Answer()
    line.take_in(answer, Exchange())
    return answer


FAILURES = [
    pytest.param({"sent": fails(BlockingIOError())}, "tls_broken", id="no room for new keys"),
    pytest.param({"sent": lambda reply: 1}, "tls_broken", id="room for some of them"),
    pytest.param({"sent": fails(ConnectionResetError())}, "connection_lost", id="a reset"),
    pytest.param({"then": ssl.SSLError()}, "tls_broken", id="a broken record"),
    pytest.param({"then": ssl.SSLEOFError()}, "connection_lost", id="the end without a word"),
]


@pytest.mark.parametrize(("failure", "word"), FAILURES)
def test_a_whole_answer_is_one_whatever_fails_after_it(failure, word):
    answer = taken_in([WHOLE], **failure)
    assert answer.complete
    assert answer.body == b"ok"
    assert not answer.keep_alive  # the line carries no other


@pytest.mark.parametrize(("failure", "word"), FAILURES)
def test_where_a_part_of_it_is_missing_the_failure_is_a_word(failure, word):
    with pytest.raises(NotAnsweredError, match=f"^{word}$"):
        taken_in([WHOLE[:-1]], **failure)


@pytest.mark.parametrize("reply", [b"", NEW_KEYS], ids=["nothing", "new keys"])
def test_a_line_on_which_nothing_fails_carries_more(reply):
    answer = taken_in([WHOLE], reply=reply)
    assert answer.complete
    assert answer.keep_alive
