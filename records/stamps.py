"""The kernel's receive stamps: whether it says when data arrived, and keeping it at that.

Linux stamps what arrives only while some socket wants it to, and begins a moment after the first
one has asked: what arrives until then has no stamp.
"""

import socket
import struct
import time
from contextlib import ExitStack
from typing import Final, Self

SO_TIMESTAMPNS: Final = 35
_TRIES: Final = 20
_PAUSE_S: Final = 0.01


class KernelStamps:
    """Has the kernel stamp what arrives for as long as the context is open.

    Entering waits until the first stamp has come, at most 0.2 s.
    """

    def __init__(self) -> None:
        self.come = False
        """Whether the kernel stamps at all."""
        self._sockets = ExitStack()

    def __enter__(self) -> Self:
        try:
            self.come = self._await_stamp()
        except BaseException:
            self._sockets.close()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self._sockets.close()

    def _await_stamp(self) -> bool:
        keep = self._sockets.enter_context
        server = keep(socket.create_server(("127.0.0.1", 0)))
        reader = keep(socket.create_connection(server.getsockname()))
        writer = keep(server.accept()[0])
        try:
            reader.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        except OSError:
            return False
        for _ in range(_TRIES):
            writer.sendall(b"x")
            _, stamps, _, _ = reader.recvmsg(1, socket.CMSG_SPACE(struct.calcsize("qq")))
            if any(kind == SO_TIMESTAMPNS for _, kind, _ in stamps):
                return True
            time.sleep(_PAUSE_S)
        return False


def kernel_stamps_arrivals() -> bool:
    """Return whether the kernel says when TCP data arrived, by sending some over loopback."""
    with KernelStamps() as stamps:
        return stamps.come
