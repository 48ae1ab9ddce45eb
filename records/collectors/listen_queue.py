"""The accept queues: how full that of each listening TCP socket is (Linux, no root needed)."""

import socket
import struct
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, NamedTuple

from dress_rehearsal.records.samples import Reading, Series, SourceUnreadableError, labels_json

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h, net/tcp_states.h
_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_NLM_F_REQUEST_DUMP: Final = 0x1 | 0x300
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_TCP_LISTEN: Final = 10
_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port id
_REQUEST = struct.Struct("=BBBBI48x")  # inet_diag_req_v2: family, protocol, ext, pad, states, id
# inet_diag_msg: … source port, …, expires, rqueue, wqueue, uid, inode; attributes follow
_ANSWER = struct.Struct("=4x2s46xIIIII")
_ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type
_SKMEMINFO: Final = 7  # INET_DIAG_SKMEMINFO
_DROPS = struct.Struct("=32xI")  # … SK_MEMINFO_DROPS, the ninth of its numbers
_ERROR = struct.Struct("=i")
_TIMEOUT_S = 1.0


class ListenQueue(NamedTuple):
    """A listening socket: `length` connections wait to be accepted, `limit` may.

    `drops` counts the connections it has turned away since it was opened; None where the kernel
    does not say.
    """

    port: int
    length: int
    limit: int
    uid: int
    """Whose it is."""
    inode: int
    """Its number, as in `/proc/<pid>/fd`."""
    drops: int | None


def listen_queues(diagnosis: socket.socket) -> Iterator[ListenQueue]:
    """Return every listening TCP socket, IPv4 and IPv6, of this network namespace.

    Args:
        diagnosis: a netlink socket of `open_diagnosis`.

    Raises:
        OSError: the kernel refuses to say.
    """
    for family in (socket.AF_INET, socket.AF_INET6):
        request = _REQUEST.pack(
            family, socket.IPPROTO_TCP, 1 << (_SKMEMINFO - 1), 0, 1 << _TCP_LISTEN
        )
        head = _HEADER.pack(
            _HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, family, 0
        )
        diagnosis.send(head + request)
        yield from _answers(diagnosis)


def open_diagnosis() -> socket.socket:
    """Open the netlink socket that `listen_queues` asks.

    Raises:
        OSError: this kernel has no socket diagnosis.
    """
    diagnosis = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
    diagnosis.settimeout(_TIMEOUT_S)
    return diagnosis


def _answers(diagnosis: socket.socket) -> Iterator[ListenQueue]:
    while True:
        data = diagnosis.recv(1 << 16)
        start = 0
        while start < len(data):
            length, kind, _, _, _ = _HEADER.unpack_from(data, start)
            body = start + _HEADER.size
            if kind == _NLMSG_DONE:
                return
            if kind == _NLMSG_ERROR:
                (code,) = _ERROR.unpack_from(data, body)
                raise OSError(-code, "socket diagnosis failed")
            port, _, queued, limit, uid, inode = _ANSWER.unpack_from(data, body)
            drops = _drops(data, body + _ANSWER.size, start + length)
            yield ListenQueue(int.from_bytes(port, "big"), queued, limit, uid, inode, drops)
            start += (length + 3) & ~3


def _drops(data: bytes, start: int, end: int) -> int | None:
    """Return what the attributes of an answer say of connections that the socket turned away."""
    while start + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if kind == _SKMEMINFO and length >= _ATTRIBUTE.size + _DROPS.size:
            (drops,) = _DROPS.unpack_from(data, start + _ATTRIBUTE.size)
            return int(drops)
        start += max((length + 3) & ~3, _ATTRIBUTE.size)
    return None


class ListenQueues:
    """The accept queues of the stage's listening ports.

    Where several sockets listen on one port, the fullest is given: overflow begins there. What
    they turned away is counted from the first read on; of one that was opened since, all of it.

    Args:
        source: whose samples they are.
        labels: what they carry beside the port.
        diagnose: opens the netlink socket.
    """

    name = "listen_queue"

    def __init__(
        self,
        ports: Collection[int],
        source: str = "kernel",
        labels: Mapping[str, str] | None = None,
        diagnose: Callable[[], socket.socket] = open_diagnosis,
    ) -> None:
        self._ports = frozenset(ports)
        self._source, self._labels = source, dict(labels or {})
        self._diagnose = diagnose
        self._diagnosis: socket.socket | None = None
        self._drops_seen: dict[int, int] = {}  # by the socket's inode
        self._drops: dict[int, int] | None = None  # by port

    @staticmethod
    def available() -> bool:
        """Return whether this system has netlink."""
        return sys.platform == "linux"

    def read(self) -> Reading:
        """Return each port's queue: length, limit and what was turned away, in connections.

        Raises:
            SourceUnreadableError: the kernel refuses to say.
        """
        try:
            if self._diagnosis is None:
                self._diagnosis = self._diagnose()
            queues = [q for q in listen_queues(self._diagnosis) if q.port in self._ports]
        except OSError as error:
            self.close()
            raise SourceUnreadableError(f"The accept queues cannot be read: {error}.") from error
        t_ns = time.time_ns()
        fullest = {q.port: q for q in sorted(queues, key=lambda q: q.length / max(1, q.limit))}
        values: dict[Series, float] = {}
        for port, queue in sorted(fullest.items()):
            values[self._series("listen_queue_length", port)] = queue.length
            values[self._series("listen_queue_limit", port)] = queue.limit
        for port, drops in self._count_drops(queues).items():
            values[self._series("listen_queue_drops_total", port)] = drops
        return Reading.of(t_ns, values)

    def _series(self, name: str, port: int) -> Series:
        return Series(self._source, name, labels_json(**self._labels, port=port))

    def _count_drops(self, queues: Collection[ListenQueue]) -> dict[int, int]:
        """Return what was turned away on each port, also by sockets that are closed by now."""
        known = {each.inode: each.drops for each in queues if each.drops is not None}
        if self._drops is None:
            self._drops, self._drops_seen = {}, dict(known)
        for each in queues:
            if each.drops is not None:
                more = each.drops - self._drops_seen.get(each.inode, 0)
                self._drops[each.port] = self._drops.get(each.port, 0) + max(more, 0)
        self._drops_seen = known
        return self._drops

    def close(self) -> None:
        """Close the netlink socket."""
        if self._diagnosis is not None:
            self._diagnosis.close()
            self._diagnosis = None
