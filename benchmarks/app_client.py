"""A client that costs next to nothing: prepared requests over kept connections, and epoll."""

import selectors
import socket
import time
from collections.abc import Sequence
from typing import Any


class Connections:
    """So many kept connections to one server; each has at most one request under way."""

    def __init__(self, port: int, count: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._sockets = []
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), 10)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setblocking(False)
            self._sockets.append(connection)

    def send_all(self, requests: Sequence[bytes]) -> tuple[float, list[bytes]]:
        """Send all requests as fast as answers come; gives the seconds taken and the answers.

        The answers are in the order of the requests, head and body together.
        """
        answers: list[bytes] = [b""] * len(requests)
        number_of: dict[Any, int] = {}
        began_s = time.perf_counter()
        following = 0
        for connection in self._sockets[: len(requests)]:
            self._selector.register(connection, selectors.EVENT_READ)
            connection.send(requests[following])
            number_of[connection] = following
            following += 1
        while number_of:
            for key, _ in self._selector.select(10) or _nothing_came():
                connection = key.fileobj
                number = number_of[connection]
                answers[number] += connection.recv(65536)
                if not _is_whole(answers[number]):
                    continue
                if following < len(requests):
                    connection.send(requests[following])
                    number_of[connection] = following
                    following += 1
                else:
                    self._selector.unregister(connection)
                    del number_of[connection]
        return time.perf_counter() - began_s, answers

    def close(self) -> None:
        """Close them."""
        for connection in self._sockets:
            connection.close()
        self._selector.close()


def make_request(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    """A request as bytes, with the headers a generator of this project sends."""
    lines = (
        f"{method} {path} HTTP/1.1",
        "host: bench",
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        f"x-request-start: t={time.time_ns()}",
        f"content-length: {len(body)}",
        *headers,
    )
    return "\r\n".join((*lines, "", "")).encode() + body


def _is_whole(answer: bytes) -> bool:
    if not answer:
        raise ConnectionError("the server has closed the connection")
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    at = head.find(b"content-length: ")
    length = int(head[at + 16 :].partition(b"\r\n")[0]) if at >= 0 else 0
    return len(body) >= length


def _nothing_came() -> Any:
    raise TimeoutError("no answer came within 10 s")
