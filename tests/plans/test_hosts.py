"""Where load may go."""

import pytest

from dress_rehearsal.plans import refusal


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("http://127.0.0.1:8000", ()),
        ("http://localhost", ()),
        ("http://[::1]:8000", ()),
        ("http://Staging.Example.edu", ("staging.example.edu",)),
    ],
)
def test_this_machine_and_named_hosts_may_be_rushed(url, allow):
    assert refusal(url, allow) is None


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://tickets.example", "target.allow"),
        ("http://127.0.0.1@tickets.example", "user name"),
        ("http://user:secret@127.0.0.1", "user name"),
        ("http://localhost.tickets.example", "target.allow"),
        ("http://0.0.0.0", "target.allow"),
        ("https://127.0.0.1", "does not speak TLS"),
        ("ftp://127.0.0.1", "must be http://"),
        ("http://[::1", "is not a URL"),
        ("", "must be http://"),
    ],
)
def test_everything_else_is_refused_in_a_sentence(url, sentence):
    assert sentence in refusal(url, ())
    assert "secret" not in refusal(url, ())
