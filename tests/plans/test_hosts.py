"""Where load may go."""

import pytest

from dress_rehearsal.plans import refusal
from dress_rehearsal.plans.hosts import loopback_ports


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("http://127.0.0.1:8000", ()),
        ("http://localhost", ()),
        ("http://[::1]:8000", ()),
        ("http://Staging.Example.edu", ("staging.example.edu",)),
        ("https://staging.example/api/v2", ("staging.example",)),
        ("https://[::1]/api/", ()),
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
        ("https://tickets.example/api", "target.allow"),
        ("http://127.0.0.1/?key=secret", "without ? or #"),
        ("http://127.0.0.1/#secret", "without ? or #"),
        ("http://127.0.0.1/a;b", "without ? or #"),
        ("ftp://127.0.0.1", "must be http://"),
        ("http://[::1", "is not a URL"),
        ("", "must be http://"),
    ],
)
def test_everything_else_is_refused_in_a_sentence(url, sentence):
    assert sentence in refusal(url, ())
    assert "secret" not in refusal(url, ())


@pytest.mark.parametrize(
    ("url", "ports"),
    [
        ("http://127.0.0.1:8000", {8000}),
        ("http://[::1]:8000", {8000}),
        ("http://localhost", {80}),
        ("https://localhost/api", {443}),
        ("postgresql://localhost/tickets", {5432}),
        ("redis://127.0.0.1", {6379}),
        ("mysql+pymysql://shop@localhost/shop", {3306}),
        ("postgresql+psycopg://shop@127.0.0.1/shop", {5432}),
        ("http://tickets.example:8000", set()),
        ("http://127.0.0.1:eight", set()),
        ("http://[::1", set()),
        ("postgresql:///tickets?host=/tmp", set()),
        (None, set()),
    ],
)
def test_which_ports_of_this_machine_a_url_names(url, ports):
    assert loopback_ports([url]) == ports
