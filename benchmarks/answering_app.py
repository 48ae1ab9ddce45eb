"""The cheapest ASGI app that answers like the reference app, so that the client is what counts."""

from typing import Any

_BODY = b'{"state":"waiting","opens_at_ns":0,"now_ns":0}'
_HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(_BODY)).encode()),
    (b"server-timing", b"queue;dur=0.5, redis;dur=0.2, app;dur=1.2"),
]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer every request with the same small document."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _BODY})
        return
    while (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
