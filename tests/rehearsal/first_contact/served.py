"""An app that says what it is told to say, and remembers what it was asked."""

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Said = str | bytes | dict[str, Any] | int | tuple[int, dict[str, Any]] | list[Any]
"""What is said: a page, an exposition, a JSON document, a bare status, or a status with JSON; of a
list one after the other, the last of them from then on."""


@dataclass
class App:
    """An app under way; `asked` holds method and path of every request."""

    url: str
    asked: list[str] = field(default_factory=list)


def _opened(server: ThreadingHTTPServer, secure: ssl.SSLContext | None) -> str:
    """Have a server speak TLS where it is to, and return its URL."""
    if secure is not None:
        server.socket = secure.wrap_socket(server.socket, server_side=True)
    scheme = "http" if secure is None else "https"
    return f"{scheme}://127.0.0.1:{server.server_address[1]}"


class _Quiet(BaseHTTPRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # who asks may be gone by now
            super().handle()

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def served(
    pages: Mapping[str, Said], cookie: str = "", secure: ssl.SSLContext | None = None
) -> Iterator[App]:
    """Serve pages by their paths, while inside; 404 elsewhere. A cookie comes with every answer."""

    class Handler(_Quiet):
        def do_GET(self) -> None:
            app.asked.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, said = 200, pages.get(self.path, 404)
            if isinstance(said, list):
                before = app.asked.count(app.asked[-1]) - 1
                said = said[min(before, len(said) - 1)]
            if isinstance(said, tuple):
                status, said = said
            elif isinstance(said, int):
                status = said
            body = said if isinstance(said, bytes) else b""
            if isinstance(said, dict):
                body = json.dumps(said).encode()
            elif isinstance(said, str):
                body = said.encode()
            self.send_response(status)
            if cookie:
                self.send_header("Set-Cookie", cookie)
            if status == 302:
                self.send_header("Location", "http://198.51.100.1/elsewhere")
            kind = "application/json" if isinstance(said, dict) else "text/plain"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        app = App(_opened(server, secure))
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield app
        finally:
            server.shutdown()
            thread.join()
