"""Whatever a client sends, in any part of a request, is answered, and never with a failure."""

import itertools

import pytest

from dress_rehearsal.target_app.http.request import queued_ns
from tests.target_app.wire import (
    ANYWHERE,
    DIGITS,
    FIELDS,
    HEADER_VALUES,
    METHODS,
    NAMES,
    PLACES,
    ROUTES,
    VALUES,
    Wire,
    answered,
)

NOW_NS = 1_796_000_000_123_456_789


@pytest.mark.parametrize(("method", "template"), ROUTES)
def test_no_header_is_a_failure(wire: Wire, method: bytes, template: bytes) -> None:
    path = wire.path(template)
    assert answered(
        {
            (name, value[:40]): wire.ask(method, path, {name: value}, b"")
            for name in NAMES
            for value in (*HEADER_VALUES.get(name, ()), *ANYWHERE)
        }
    )


def test_no_path_and_no_method_is_a_failure(wire: Wire) -> None:
    for method, template in ROUTES:
        path = wire.path(template)
        beside = path.rsplit(b"/", 1)[0] + b"/"
        assert answered(
            {
                (start, place[:40]): wire.ask(method, start + place, {}, b"{}")
                for start, place in itertools.product((path, beside), PLACES)
            }
        )
        assert answered({other: wire.ask(other, path, {}, b"") for other in METHODS})


@pytest.mark.parametrize(
    ("method", "template"), [route for route in ROUTES if route[0] in (b"POST", b"PUT")]
)
def test_no_body_is_a_failure(wire: Wire, method: bytes, template: bytes) -> None:
    path = wire.path(template)
    usual = b'"student": "nobody", "pin": "1", "payload": "X", "gate": "north"'
    bodies = [*VALUES, *(b'{"%b": %b}' % pair for pair in itertools.product(FIELDS, VALUES))]
    bodies += [b'{%b, "%b": %b}' % (usual, *pair) for pair in itertools.product(FIELDS, VALUES)]
    statuses = {body[:90]: wire.ask(method, path, {}, body) for body in bodies}
    assert answered(statuses)


@pytest.mark.parametrize("body", [b"[" * 20_000, b'{"student": "\xff", "pin": "1"}', b"{", b"NaN"])
def test_a_body_that_cannot_be_read_is_the_sender_s_mistake(wire: Wire, body: bytes) -> None:
    assert wire.ask(b"POST", b"/login", {}, body) == 400


@pytest.mark.parametrize("host", [b"h:$", b"h:65536", b"h:1:2", b"[::1", b"a b", b"\xff", b"a/b"])
def test_a_host_that_is_none_is_the_sender_s_mistake(wire: Wire, host: bytes) -> None:
    assert wire.ask(b"GET", b"/healthz", {b"Host": host}, b"") == 400


@pytest.mark.parametrize("host", [b"h", b"h:65535", b"h:", b"[::1]:80", b"", b"127.0.0.1:8000"])
def test_any_host_there_may_be_is_answered(wire: Wire, host: bytes) -> None:
    assert wire.ask(b"GET", b"/healthz", {b"Host": host}, b"") == 200


class TestRequestStart:
    """What `X-Request-Start` says of the way here."""

    @pytest.mark.parametrize(
        ("value", "waited_ns"),
        [
            (b"t=1796000000123456000", 789),
            (b"1796000000073456789", 50_000_000),
            (b"t=1796000000073456", 50_000_789),  # Apache
            (b"1796000000073", 50_456_789),
            (b"t=1796000000.073", 50_456_789),  # nginx
            (b"1795999999", 1_123_456_789),
            (b"  t=1796000000123456789 ", 0),
            (b"t=1796000000623456789", 0),  # a proxy's clock may be half a second ahead
            (b"t=1795999400123456789", 600_000_000_000),
        ],
    )
    def test_it_is_read_in_every_unit_that_proxies_write(
        self, value: bytes, waited_ns: int
    ) -> None:
        assert queued_ns(value, NOW_NS) == waited_ns

    @pytest.mark.parametrize(
        "value",
        [
            DIGITS,
            b"t=" + DIGITS,
            b"t=1",
            b"t=0",
            b"t=-1796000000123456000",
            b"t=",
            b"",
            b"t=soon",
            b"t=1796000000123456000, t=1796000000123456000",
            b"t=\xd9\xa1",
            b"t=1795999400123456788",  # more than ten minutes ago
            b"t=1796000001123456790",  # more than a second ahead
            b"t=9999999999999999999",
        ],
    )
    def test_what_cannot_be_true_is_not_counted(self, value: bytes) -> None:
        assert queued_ns(value, NOW_NS) is None

    @pytest.mark.servers
    def test_an_answer_tells_a_queue_only_where_there_was_one(self, wire: Wire) -> None:
        app = wire.app
        for value in ("t=1", "9" * 5000, "t=soon"):
            answer = app.http.get("/healthz", headers={"X-Request-Start": value})
            assert answer.status_code == 200
            assert "queue" not in answer.headers["Server-Timing"]
