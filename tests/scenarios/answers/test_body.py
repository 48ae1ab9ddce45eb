"""What a body says: each field in its own form or not at all, and the rest beside it."""

import pytest

from dress_rehearsal.scenarios.answers.body import Body, read_body

HUGE = b"9" * 5000


@pytest.mark.parametrize(
    ("content", "expected", "unkept"),
    [
        (b'{"ticket": "t", "state": "pending"}', Body(ticket="t", state="pending"), ()),
        (b' {"ticket": "t", "other": [{}]}', Body(ticket="t"), ()),
        (b'{"ticket": null}', Body(), ()),
        (b'{"ticket": "a", "ticket": "b"}', Body(ticket="b"), ()),
        (b'{"code": "\\ud800", "ticket": "t"}', Body(ticket="t"), ("code",)),
        (b'{"title": "\\udfff", "ticket": "t"}', Body(ticket="t"), ()),
        (b'{"ticket": "t\xff"}', Body(ticket="t\ufffd"), ()),
        (b'{"ticket": ["t"], "state": 1}', Body(), ("ticket", "state")),
        (b'{"number": ' + HUGE + b', "ticket": "t"}', Body(ticket="t"), ("number",)),
        (b'{"other": ' + HUGE + b', "ticket": "t"}', Body(ticket="t"), ()),
        (b'{"number": NaN, "other": Infinity, "ahead": 1}', Body(ahead=1), ("number",)),
        (b'{"number": true, "ahead": 2147483648}', Body(), ("ahead", "number")),
        (b'{"now_ns": -1, "opens_at_ns": 9223372036854775807}', Body(), ("now_ns", "opens_at_ns")),
        (b'{"admitted": 1}', Body(), ("admitted",)),
        (b'{"ticket": "' + b"t" * 513 + b'"}', Body(), ("ticket",)),
    ],
)
def test_a_field_is_taken_in_its_own_form_or_named(content, expected, unkept):
    assert read_body(content) == (expected, unkept)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"7",
        b"[1]",
        b'"t"',
        b'{"ticket": "t"',
        b"\xff",
        b"<html>",
        b'{"x": ' * 9000,
    ],
)
def test_what_is_no_object_says_nothing(content):
    assert read_body(content) == (None, ())


def test_what_is_too_deep_to_be_looked_into_says_nothing():
    """How deep that is, Python's own versions say."""
    body, unkept = read_body(b'{"ticket": "t", "x": ' + b"[" * 9000 + b"]" * 9000 + b"}")
    assert body in (None, Body(ticket="t"))
    assert unkept == ()


@pytest.mark.parametrize(
    "token", ["a\\r\\nX-Admin: 1", "a\\n", "a b", "a\\u0000", "€", "\\ud800", "", "t" * 8193]
)
def test_a_token_that_no_header_may_hold_is_none(token):
    assert read_body(f'{{"token": "{token}"}}'.encode()) == (Body(), ("token",))


@pytest.mark.parametrize("pause", ["NaN", "1e308", "1e999", "-1", "true", '"5"', "3600001"])
def test_a_pause_that_nobody_means_is_none(pause):
    assert read_body(f'{{"poll_after_ms": {pause}}}'.encode()) == (Body(), ("poll_after_ms",))


@pytest.mark.parametrize("pause", ["0", "250", "250.5", "3600000"])
def test_a_pause_is_a_number_of_milliseconds(pause):
    assert read_body(f'{{"poll_after_ms": {pause}}}'.encode())[0].poll_after_ms == float(pause)
