"""An app that says what it is told to say, and remembers what it was asked."""

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Said = str | bytes | dict[str, Any] | int
"""What is said to a GET: a page, an exposition, a JSON document, or a bare status."""


@dataclass
class App:
    """An app under way; `asked` holds method and path of every request."""

    url: str
    asked: list[str] = field(default_factory=list)


@contextlib.contextmanager
def served(pages: Mapping[str, Said]) -> Iterator[App]:
    """Serve pages by their paths, while inside; 404 elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            app.asked.append(f"{self.command} {self.path}")
            said = pages.get(self.path, 404)
            body = said if isinstance(said, bytes) else b""
            if isinstance(said, dict):
                body = json.dumps(said).encode()
            elif isinstance(said, str):
                body = said.encode()
            self.send_response(said if isinstance(said, int) else 200)
            if said == 302:
                self.send_header("Location", "http://198.51.100.1/elsewhere")
            kind = "application/json" if isinstance(said, dict) else "text/plain"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        app = App(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield app
        finally:
            server.shutdown()
            thread.join()
