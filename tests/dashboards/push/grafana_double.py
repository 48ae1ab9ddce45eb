"""A strict double of Grafana on a port of its own, whose answers a test can replace."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.dashboards.push.grafana_rules import Asked, GrafanaRules, RefusalError


@dataclass
class Script:
    """An answer that a test put in place of Grafana's."""

    method: str
    path: str
    status: int
    body: bytes
    headers: Mapping[str, str]
    times: int
    after: int
    apply: bool
    hang: bool


@dataclass
class GrafanaDouble(GrafanaRules):
    """One Grafana on a port of its own; a context manager.

    Attributes:
        prefix: the path it is served below, such as `/grafana`.
    """

    prefix: str = ""
    requests: list[Asked] = field(default_factory=list)
    before: Callable[["GrafanaDouble", Asked], None] = lambda double, asked: None
    """Called before each answer: what somebody else does at that moment."""

    def __post_init__(self) -> None:
        self._scripts: list[Script] = []
        self._released = threading.Event()
        self._lock = threading.Lock()
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _serve(self) -> None:
                double.serve(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{self.prefix}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(
        self,
        method: str,
        path: str,
        status: int = 200,
        body: bytes | Mapping[str, Any] = b"",
        *,
        headers: Mapping[str, str] | None = None,
        times: int = 1_000,
        after: int = 0,
        apply: bool = False,
        hang: bool = False,
    ) -> None:
        """Answer a route otherwise than Grafana would.

        Args:
            path: below `/api`, without its query.
            times: how often; `after`: how many requests of that route are answered rightly first.
            apply: do what was asked nevertheless, and only answer like this.
            hang: do not answer at all.
        """
        written = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._scripts.append(
            Script(method, path, status, written, headers or {}, times, after, apply, hang)
        )

    def asked(self, method: str, path: str) -> list[Asked]:
        """Return the requests of one route; a path that ends in * stands for all that begin so."""
        return [
            each
            for each in self.requests
            if each.method == method
            and (each.path.startswith(path[:-1]) if path.endswith("*") else each.path == path)
        ]

    def writes(self) -> list[Asked]:
        """Return the requests that were to change something."""
        return [each for each in self.requests if each.method != "GET"]

    # What follows is the server's side.

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        raw = handler.rfile.read(length)
        with self._lock:
            status, headers, body, hang = self._respond(handler, raw)
        if hang:
            self._released.wait()
            handler.close_connection = True
            return
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json; charset=UTF-8", **headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _respond(
        self, handler: BaseHTTPRequestHandler, raw: bytes
    ) -> tuple[int, Mapping[str, str], bytes, bool]:
        parts = urlsplit(handler.path)
        if not parts.path.startswith(f"{self.prefix}/api/"):
            return 404, {"Content-Type": "text/html"}, b"<html>no message here</html>", False
        path = unquote(parts.path.removeprefix(f"{self.prefix}/api"))
        try:
            query = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
            body = json.loads(raw) if raw else None
        except ValueError:
            self.violations.append(f"{handler.command} {path}: body or query cannot be parsed")
            return 400, {}, b'{"message":"bad request data"}', False
        asked = Asked(handler.command, path, query, dict(handler.headers.items()), body)
        self.requests.append(asked)
        self.before(self, asked)
        script = self._script(asked)
        if script is not None and (script.hang or not script.apply):
            return script.status, script.headers, script.body, script.hang
        try:
            status, document = 200, self.handle(asked)
        except RefusalError as refusal:
            status, document = refusal.code, refusal.body
        if script is not None:
            return script.status, script.headers, script.body, False
        return status, {}, json.dumps(document).encode(), False

    def _script(self, asked: Asked) -> Script | None:
        for script in self._scripts:
            if (script.method, script.path) != (asked.method, asked.path) or not script.times:
                continue
            if script.after:
                script.after -= 1
                return None
            script.times -= 1
            return script
        return None


@contextmanager
def grafana(**settings: Any) -> Iterator[GrafanaDouble]:
    """Run a double, and hold at the end that nothing broke the documented rules."""
    with GrafanaDouble(**settings) as double:
        yield double
    assert double.violations == []
