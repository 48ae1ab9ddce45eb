"""An answer: status, headers and body, ready to be sent; prepared once where it never changes."""

from typing import Any

import msgspec
from litestar.types import Receive, Scope, Send

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises of a text that is not JSON, not UTF-8, or nested too deep to follow."""
JSON = (b"content-type", b"application/json")
_ENCODE = msgspec.json.Encoder().encode


class Answer:
    """A whole response as an ASGI callable: what a route handler returns, without more ado."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes = b"", *headers: tuple[bytes, bytes]) -> None:
        self.status = status
        self.body = body
        self.headers = [*headers, (b"content-length", str(len(body)).encode())]
        if status == 204:
            self.headers.pop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                # a copy: the middleware adds its own header to it
                "headers": self.headers.copy(),
            }
        )
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def json_answer(status: int, content: Any) -> Answer:
    """Return an answer with `content` (a msgspec struct or plain values) as JSON."""
    return Answer(status, _ENCODE(content), JSON)
