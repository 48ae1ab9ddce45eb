"""The socket under a connection: it is waited for on the loop, and read with the kernel's stamps.

Linux stamps received TCP data when it arrives (`SO_TIMESTAMPNS`, see socket(7)); `recvmsg` hands
the stamp over with the data.
"""

import errno
import os
import socket
import struct
import sys
import time
from typing import Any, Final

from gevent import get_hub, monkey

from dress_rehearsal.records.stamps import SO_TIMESTAMPNS
from dress_rehearsal.records.tables import NO_FREE_PORT, NS_PER_S
from dress_rehearsal.scenarios.client.local_address import LocalAddresses

KERNEL_TIMES: Final = sys.platform == "linux"
"""Whether receive times come from the kernel; elsewhere they are the time of reading."""
READ_BYTES: Final = 16_384
"""How much is read at once."""
READ, WRITE = 1, 2
TIMESPEC: Final = struct.Struct("@qq")
ANCILLARY_BYTES: Final = socket.CMSG_SPACE(TIMESPEC.size)
_WORDS: Final = {
    errno.ECONNREFUSED: "connect_refused",
    errno.ECONNRESET: "connection_reset",
    errno.EPIPE: "connection_lost",
    errno.EADDRNOTAVAIL: NO_FREE_PORT,
    errno.EMFILE: "too_many_files",
    errno.ENFILE: "too_many_files",
}
# gevent's patched class would add its own waiting; this file does it itself.
_PlainSocket: Final[Any] = monkey.get_original("socket", "socket")


def connected(address: tuple[str, int], local: LocalAddresses | None) -> Any:
    """Return a connected socket that does not block.

    Raises:
        OSError: there is none.
    """
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    plain = _PlainSocket(family, socket.SOCK_STREAM)
    try:
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if KERNEL_TIMES:
            plain.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        if local is not None:
            local.bind(plain)
        _connect(plain, address)
    except BaseException:
        plain.close()
        raise
    return plain


def _connect(plain: Any, address: tuple[str, int]) -> None:
    code = plain.connect_ex(address)
    if code == errno.EINPROGRESS:
        await_writable(plain)
        code = plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def send(plain: Any, data: bytes) -> None:
    """Send all of it.

    Raises:
        OSError: the connection has gone.
    """
    sent = plain.send(data)
    while sent < len(data):
        await_writable(plain)
        sent += plain.send(data[sent:])


def received(plain: Any) -> tuple[bytes, int, int]:
    """Return what is there, when it arrived and when it was read; empty: the far end is done.

    Raises:
        BlockingIOError: nothing is there yet.
        OSError: the connection has gone.
    """
    if not KERNEL_TIMES:
        data = plain.recv(READ_BYTES)
        read_ns = time.time_ns()
        return data, read_ns, read_ns
    data, ancillary, _, _ = plain.recvmsg(READ_BYTES, ANCILLARY_BYTES)
    at_ns = read_ns = time.time_ns()
    for level, kind, stamp in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = TIMESPEC.unpack(stamp)
            # The two clocks agree to some microseconds; reading is never before arriving.
            at_ns = min(seconds * NS_PER_S + nanoseconds, read_ns)
    return data, at_ns, read_ns


def await_writable(plain: Any) -> None:
    """Wait on the loop until more can be sent; the caller bounds the wait."""
    writable = get_hub().loop.io(plain.fileno(), WRITE)
    try:
        get_hub().wait(writable)
    finally:
        writable.close()


def word_of(error: OSError, otherwise: str) -> str:
    """Return the word in `error` for what became of a socket."""
    return _WORDS.get(error.errno or 0, otherwise)
