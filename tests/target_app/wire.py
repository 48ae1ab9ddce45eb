"""An app asked in bytes, and what a client could think of to send: names, values, bodies."""

import base64
import socket
from contextlib import suppress
from typing import Any

from tests.target_app.apps import InProcess

DIGITS = b"9" * 5000
ROUTES = [
    (b"POST", b"/login"),
    (b"POST", b"/logout"),
    (b"GET", b"/events/{event}"),
    (b"GET", b"/events/{event}/countdown"),
    (b"POST", b"/events/{event}/tickets"),
    (b"GET", b"/tickets/{ticket}"),
    (b"GET", b"/tickets/{ticket}/qr"),
    (b"POST", b"/gate/scan"),
    (b"POST", b"/events/{event}/queue"),
    (b"GET", b"/events/{event}/queue"),
    (b"GET", b"/events/{event}/queue/stream"),
    (b"PUT", b"/admin/events/{event}/queue"),
    (b"PUT", b"/admin/events/{event}"),
    (b"GET", b"/admin/faults"),
    (b"PUT", b"/admin/faults/{fault}"),
    (b"GET", b"/healthz"),
    (b"GET", b"/readyz"),
    (b"GET", b"/schema"),
]


def unsigned(header: bytes) -> bytes:
    """A bearer's token with this header and nothing behind it."""
    return b"Bearer " + base64.urlsafe_b64encode(header).rstrip(b"=") + b".e30.AAAA"


HEADER_VALUES = {
    b"Authorization": [
        unsigned(b'{"alg":' + b"[" * 20_000),
        unsigned(b'{"alg":["HS256"]}'),
        unsigned(b'{"alg":"HS256","n":' + DIGITS + b"}"),
        unsigned(b'{"alg":"HS256","b64":false,"crit":["b64"]}'),
        unsigned(b"[1]"),
        b"Bearer \xff",
        b"Bearer " + DIGITS,
        b"Bearer ..",
    ],
    b"X-Request-Start": [
        *(b"t=" + value for value in (DIGITS, b"-1", b"1", b"1.5", b"9" * 19, b"\xd9\xa1", b"")),
        DIGITS,
    ],
    b"Traceparent": [b"00-" + b"f" * 32 + b"-" + b"1" * 16 + b"-01-" + b"x" * 5000],
    b"Last-Event-ID": [b"p" + DIGITS, b"p-1", b"p\xd9\xa1"],
    b"Content-Type": [
        b"multipart/form-data",
        b"text/plain; charset=nope",
        b"application/x-msgpack",
    ],
    b"Expect": [b"100-continue"],
    b"Host": [b":$", b"a:70000", b"a:-1", b"a:1:2", b"[::1]", b"[::1", b"[]:1", b"a/b", b"a@b:x"],
}
ANYWHERE = [DIGITS, b"\xff\xfe", b"", b"\x01", b"a;q=x, /;q=9, ,", b'"\\', b"=;;=="]
NAMES = [
    *HEADER_VALUES,
    *(b"Idempotency-Key", b"Accept", b"Accept-Encoding", b"Cookie", b"Range", b"If-None-Match"),
    *(b"X-Forwarded-For", b"Origin", b"Content-Encoding", b"X-HTTP-Method-Override"),
    *(b"Content-Length", b"Transfer-Encoding", b"Upgrade", b"TE"),
]
PLACES = [
    *(b"%00", b"%ff", b"%ED%A0%80", b"%0d%0a", b"..", b"%2e%2e", b"%2f", b"x" * 5000, DIGITS),
    *(b"%", b"%zz", b"%F0%9F%8E%AB", b"?a=%ff&b", b"?" + b"a=1&" * 1000, b"{event}", b";x", b"*"),
    *(b"?a=\xff", b"\xff"),
]
METHODS = [
    b"TRACE",
    b"CONNECT",
    b"FOO",
    b"get",
    b"OPTIONS",
    b"HEAD",
    b"PATCH",
    b"DELETE",
    b"X" * 300,
]
FIELDS = [
    *(b"unknown", b"student", b"pin", b"payload", b"gate", b"position", b"paused", b"rate", b"cap"),
    *(b"opens_at_ns", b"grade"),
]
VALUES = [
    *(DIGITS, b"-" + DIGITS, b"1e999", b"1e-999", b"NaN", b"null", b"true", b"{}", b""),
    *(b"[" * depth + b"]" * depth for depth in (100, 400, 900, 1000, 1100, 20_000)),
    b"[" * 20_000,
    b'{"a":' * 9000 + b"1" + b"}" * 9000,
    *(b'"' + text + b'"' for text in (b"\\u0000", b"\\ud800", b"\xed\xa0\x80", b"\xff", b"")),
    *(b'"' + text + b'"' for text in (b"\\u001b]0;x\\u0007", b"x" * 5000, "🎫".encode())),
]


class Wire:
    """An app with every route there is, asked in bytes."""

    def __init__(self, app: InProcess) -> None:
        self.app = app
        settings = app.stage.settings
        student = app.login(0)
        app.http.post(f"{app.path}/queue", json={}, headers=student)
        app.switch("views_lost", 0)
        self._student = student["Authorization"].encode()
        self._admin = b"Bearer " + settings.admin_token.get_secret_value().encode()
        self._gate = b"Bearer " + settings.gate_token.get_secret_value().encode()

    def path(self, template: bytes) -> bytes:
        known = {b"{event}": self.app.stage.event.encode(), b"{ticket}": b"0" * 32}
        for name, value in {**known, b"{fault}": b"views_lost"}.items():
            template = template.replace(name, value)
        return template

    def token(self, path: bytes) -> bytes:
        if path == b"/logout":
            return b"Bearer nobody's"
        return {b"admin": self._admin, b"gate": self._gate}.get(path.split(b"/")[1], self._student)

    def ask(self, method: bytes, path: bytes, headers: dict[bytes, bytes], body: bytes) -> int:
        """Send it over a connection of its own; return the answer's status, 0 for none."""
        told = {b"Host": b"test", b"Connection": b"close", b"Content-Type": b"application/json"}
        told |= {b"Authorization": self.token(path)}
        if body:
            told[b"Content-Length"] = b"%d" % len(body)
        lines = [b"%b: %b" % field for field in {**told, **headers}.items()]
        head = b"\r\n".join([b"%b %b HTTP/1.1" % (method, path), *lines, b"", b""])
        port = self.app.stage.settings.port
        with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
            with suppress(OSError):  # where it has heard enough before all was said
                wire.sendall(head + body)
            answer = b""
            with suppress(ConnectionResetError):
                while len(answer) < 12 and (part := wire.recv(4096)):
                    answer += part
        return int(answer[9:12] or 0)


def answered(statuses: dict[Any, int]) -> bool:
    """Whether every answer is one of the client's mistakes, or none of anybody's."""
    failures = {what: status for what, status in statuses.items() if not 200 <= status < 500}
    assert failures == {}
    return bool(statuses)
