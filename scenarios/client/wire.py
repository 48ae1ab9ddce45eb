"""The socket under a connection: it is waited for on the loop, and read with the kernel's stamps.

Linux stamps received TCP data when it arrives (`SO_TIMESTAMPNS`, see socket(7)); `recvmsg` hands
the stamp over with the data.
"""

import _socket
import errno
import os
import socket
import struct
import sys
from typing import Any, Final

from gevent import get_hub

from dress_rehearsal.records.stamps import SO_TIMESTAMPNS
from dress_rehearsal.records.tables import NO_FREE_PORT
from dress_rehearsal.scenarios.client.local_address import LocalAddresses

_LINUX: Final = sys.platform == "linux"
KERNEL_TIMES: Final = _LINUX
"""Whether receive times come from the kernel; elsewhere they are the time of reading."""
READ_BYTES: Final = 16_384
"""How much is read at once."""
_WRITE: Final = 2
TIMESPEC: Final = struct.Struct("@qq")
ANCILLARY_BYTES: Final = socket.CMSG_SPACE(TIMESPEC.size)
_UNDER_WAY: Final = (errno.EINPROGRESS, errno.EALREADY)
_WORDS: Final = {
    errno.ECONNREFUSED: "connect_refused",
    errno.ECONNRESET: "connection_reset",
    errno.EPIPE: "connection_lost",
    errno.EADDRNOTAVAIL: NO_FREE_PORT,
    errno.EMFILE: "too_many_files",
    errno.ENFILE: "too_many_files",
}


class ClientSocket(_socket.socket):
    """A socket of the students' own client, and of nobody else's.

    Python's own class adds what nobody needs here, and gevent's its own waiting.
    """

    __slots__ = ()


def connected(address: tuple[str, int], local: LocalAddresses | None) -> Any:
    """Return a connected socket that does not block.

    Raises:
        OSError: there is none.
    """
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    plain = ClientSocket(family, socket.SOCK_STREAM)
    try:
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if KERNEL_TIMES:
            plain.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        _connect(plain, address, local)
    except BaseException:
        plain.close()
        raise
    return plain


def _connect(plain: Any, address: tuple[str, int], local: LocalAddresses | None) -> None:
    code = errno.EADDRNOTAVAIL
    for _ in (None,) if local is None else local.attempts(plain):
        code = plain.connect_ex(address)
        if code != errno.EADDRNOTAVAIL:
            break
    if code == errno.EINPROGRESS and _LINUX:  # others may have lost by then why it failed
        code = plain.connect_ex(address)  # on one machine it has been accepted by now
    if code in _UNDER_WAY:
        await_writable(plain)
        code = plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code not in (0, errno.EISCONN):
        raise OSError(code, os.strerror(code))


def send(plain: Any, data: bytes) -> None:
    """Send all of it, waiting while the far end takes nothing more; the caller bounds the wait.

    Raises:
        OSError: the connection has gone.
    """
    sent = 0
    while sent < len(data):
        try:
            sent += plain.send(data[sent:])
        except BlockingIOError:
            await_writable(plain)


def await_writable(plain: Any) -> None:
    """Wait on the loop until more can be sent; the caller bounds the wait."""
    writable = get_hub().loop.io(plain.fileno(), _WRITE)
    try:
        get_hub().wait(writable)
    finally:
        writable.close()


def word_of(error: OSError, otherwise: str) -> str:
    """Return the word in `error` for what became of a socket."""
    return _WORDS.get(error.errno or 0, otherwise)
