"""A server of known times: it writes down when each request had come and when it was answered.

Run as `python -m benchmarks.generator.known_server FOLDER SERVICE…`; it prints its port, answers
until its standard input ends, and leaves `FOLDER/answers.npy`: one row an answer with the number
that its path ends with, when its request had come (the kernel's receive stamp) and when its answer
was given to the kernel, int64, times in ns since the epoch. For `/warm` it
prints at the end how many requests there were, and when the last one had come.

SERVICE is what a request takes: `constant MS`, `bimodal MS MS SHARE` (the share takes the second
time), `stall MS AT_S FOR_S` (constant, but from AT_S after the first request on nothing is read,
answered or accepted for FOR_S) or `working US`: the server works so long on each, one after the
other, so that they queue.
"""

import gc
import heapq
import random
import select
import socket
import struct
import sys
import time
from array import array
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from dress_rehearsal.records.stamps import SO_TIMESTAMPNS, KernelStamps

_WARM: Final = b"/warm"
ANSWERS: Final = "answers.npy"
_NS_PER_US: Final = 1_000
_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000
_BACKLOG: Final = 4096
_READ_BYTES: Final = 4096
_STAMP: Final = struct.Struct("qq")
_STAMP_BYTES: Final = socket.CMSG_SPACE(_STAMP.size)
_ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
_SEED: Final = 15


class KnownServer:
    """Answers, and keeps the times.

    Args:
        service_ns: says what the next request takes.
        stall: when nothing is done from, after the first request, and for how long, in ns.
    """

    def __init__(self, service_ns: Callable[[], int], stall: tuple[int, int] | None = None) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self.listening.setblocking(False)
        self.log = array("q")
        self.warm, self.last_warm_ns = 0, 0
        self._service_ns, self._stall = service_ns, stall
        self._stalls_at_ns: int | None = None
        self._epoll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._due: list[tuple[int, int, int, int]] = []
        """When each answer is due, to whom, the request's number, and when it had come."""

    def serve(self, until: int) -> None:
        """Answer until a descriptor has come to its end."""
        listening = self.listening.fileno()
        self._epoll.register(listening, select.EPOLLIN)
        self._epoll.register(until, select.EPOLLIN)
        while True:
            for descriptor, _ in self._epoll.poll(self._pause_s()):
                if descriptor == listening:
                    self._accept()
                elif descriptor == until:
                    return
                else:
                    self._read(descriptor)
                if self._stalls_at_ns is not None:
                    self._stall_if_due()
            self._answer_those_due()

    def _pause_s(self) -> float | None:
        if not self._due:
            return None
        return max(self._due[0][0] - time.time_ns(), 0) / _NS_PER_S

    def _accept(self) -> None:
        try:
            while True:
                accepted, _ = self.listening.accept()
                accepted.setblocking(False)
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                accepted.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                self._sockets[accepted.fileno()] = accepted
                self._epoll.register(accepted.fileno(), select.EPOLLIN)
        except BlockingIOError:
            pass

    def _read(self, descriptor: int) -> None:
        connection = self._sockets[descriptor]
        try:
            data, ancillary, _, _ = connection.recvmsg(_READ_BYTES, _STAMP_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            del self._sockets[descriptor]
            connection.close()
            return
        path = data.split(b" ", 2)[1]
        if path == _WARM:
            self.warm, self.last_warm_ns = self.warm + 1, time.time_ns()
            connection.send(_ANSWER)
            return
        seconds, ns = _STAMP.unpack(ancillary[0][2])
        came_ns = seconds * _NS_PER_S + ns
        if self._stall is not None and self._stalls_at_ns is None:
            self._stalls_at_ns = came_ns + self._stall[0]
        number = int(path.rpartition(b"/")[2])
        service_ns = self._service_ns()
        if service_ns:
            heapq.heappush(self._due, (came_ns + service_ns, descriptor, number, came_ns))
        else:
            self._answer(descriptor, number, came_ns)

    def _stall_if_due(self) -> None:
        assert self._stall is not None and self._stalls_at_ns is not None
        if time.time_ns() >= self._stalls_at_ns:
            time.sleep(self._stall[1] / _NS_PER_S)
            self._stall, self._stalls_at_ns = None, None

    def _answer_those_due(self) -> None:
        while self._due and self._due[0][0] <= time.time_ns():
            _, descriptor, number, came_ns = heapq.heappop(self._due)
            self._answer(descriptor, number, came_ns)

    def _answer(self, descriptor: int, number: int, came_ns: int) -> None:
        connection = self._sockets.get(descriptor)
        if connection is None:  # whoever asked has hung up
            return
        self.log.extend((number, came_ns, time.time_ns()))
        try:
            connection.send(_ANSWER)
        except OSError:
            del self.log[-3:]


def service(kind: str, *values: float) -> tuple[Callable[[], int], tuple[int, int] | None]:
    """Return what a request takes in ns, and the stall if there is one, from SERVICE as above."""
    first_ns = round(values[0] * _NS_PER_MS) if values else 0
    match kind, values:
        case "working", (us,):
            return partial(_work, round(us * _NS_PER_US)), None
        case "constant", (_,):
            return lambda: first_ns, None
        case "bimodal", (_, second, share):
            rng, second_ns = random.Random(_SEED), round(second * _NS_PER_MS)
            return lambda: second_ns if rng.random() < share else first_ns, None
        case "stall", (_, at_s, for_s):
            return lambda: first_ns, (round(at_s * _NS_PER_S), round(for_s * _NS_PER_S))
    raise SystemExit(f"No service: {kind} {values}")


def _work(for_ns: int) -> int:
    """Keep the core busy; the answer is due at once then."""
    until_ns = time.perf_counter_ns() + for_ns
    while time.perf_counter_ns() < until_ns:
        pass
    return 0


def main() -> None:
    """Serve, and leave what was written down."""
    folder, kind, *values = sys.argv[1:]
    server = KnownServer(*service(kind, *map(float, values)))
    gc.disable()  # nothing of it goes in circles, and nothing may interrupt it
    with KernelStamps():
        print(server.listening.getsockname()[1], flush=True)
        server.serve(sys.stdin.fileno())
    print(server.warm, server.last_warm_ns, flush=True)
    np.save(Path(folder) / ANSWERS, np.array(server.log, dtype=np.int64).reshape(-1, 3))


if __name__ == "__main__":
    main()
