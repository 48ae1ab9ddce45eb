"""Local addresses and ports: where connections come from, so that none is searched for in vain.

To one destination every connection from one address needs a local port of its own. Linux tries
those of one half of the range first: once they are taken, each `connect()` searches all of them
before it finds a free one, and takes 40 times as long (`python -m benchmarks.connections`). All of
127.0.0.0/8 is this machine, so on loopback there are addresses enough. Elsewhere there is one:
there each connection is told its port, the next of the range, where the system can (Linux 6.3).
"""

import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any, Final

from dress_rehearsal.records.machine import kernel_limits

LOOPBACK_ADDRESSES: Final = 254
"""How many loopback addresses connections come from at most; from then on they are used again."""
SHARE: Final = 4
"""An address opens a quarter of the range, and then it is the next one's turn."""
_BIND_ADDRESS_NO_PORT: Final = 24
"""IP_BIND_ADDRESS_NO_PORT of ip(7): connect(), which knows the destination, chooses the port."""
_LOCAL_PORT_RANGE: Final = 51
"""IP_LOCAL_PORT_RANGE of ip(7): the ports that connect() may choose from, for one socket."""
_ALL_PORTS: Final = struct.pack("I", 0)
_TRIES: Final = 32
"""Ports that are tried one by one, before the kernel searches all of them."""


class LocalAddresses:
    """Gives each new connection the address that it is to come from.

    Args:
        destination: the IP address that is connected to.
        ports: the range of local ports, first and last; None: it is not known.
    """

    def __init__(self, destination: str, ports: tuple[int, int] | None = None) -> None:
        ports = ports or port_range()
        self._each = 0
        self._ports: tuple[int, int] | None = None
        if ports is not None and spreads(destination):
            self._each = max((ports[1] - ports[0] + 1) // SHARE, 1)
        elif ports is not None and sys.platform == "linux":
            self._ports = ports
            # Not where the last rehearsal began: its connections may still be on their way out.
            self._port = ports[0] + int.from_bytes(os.urandom(4)) % (ports[1] - ports[0] + 1)
        self._opened = self._first = 0

    def share(self, number: int, of: int) -> None:
        """Begin elsewhere than the other processes of this machine that connect there, too, where
        their shares of one address' ports are more than it has.

        Args:
            number: which of them this one is, from 0.
            of: how many there are.
        """
        if of >= SHARE:
            self._first = number * max(LOOPBACK_ADDRESSES // of, 1)

    def attempts(self, plain: Any) -> Iterator[None]:
        """Prepare a socket that is not yet connected, again for each attempt to connect it.

        The next attempt is for when there was no such port (EADDRNOTAVAIL).

        Raises:
            OSError: this machine does not have the address.
        """
        self.bind(plain)
        for _ in range(_TRIES if self._ports is not None else 0):
            if not self._take_port(plain):
                break
            yield
        else:
            if self._ports is not None:
                plain.setsockopt(socket.IPPROTO_IP, _LOCAL_PORT_RANGE, _ALL_PORTS)
        yield

    def _take_port(self, plain: Any) -> bool:
        """Have a socket come from the next port; False: the system cannot be told which."""
        if self._ports is None:
            return False
        first, last = self._ports
        self._port = self._port + 1 if self._port < last else first
        only = struct.pack("I", self._port << 16 | self._port)
        try:
            plain.setsockopt(socket.IPPROTO_IP, _LOCAL_PORT_RANGE, only)
        except OSError:  # before Linux 6.3
            self._ports = None
            return False
        return True

    def bind(self, plain: socket.socket) -> None:
        """Give a socket, not yet connected, its local address; none where the usual one will do.

        Raises:
            OSError: this machine does not have that address.
        """
        address = self.next()
        if address is not None:
            plain.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
            plain.bind((address, 0))

    def next(self) -> str | None:
        """Return the next connection's address; None: whichever the kernel takes."""
        if not self._each:
            return None
        turn = (self._first + self._opened // self._each) % LOOPBACK_ADDRESSES
        self._opened += 1
        return f"127.0.0.{turn + 1}" if turn else None


def spreads(destination: str) -> bool:
    """Return whether connections to an IP address can come from many addresses of this machine."""
    if sys.platform != "linux":
        return False
    try:
        address = ipaddress.ip_address(destination)
    except ValueError:
        return False
    return address.version == 4 and address.is_loopback


def port_range() -> tuple[int, int] | None:
    """Return the first and the last of the local ports, None where the system does not say."""
    found = kernel_limits()["ip_local_port_range"]
    return None if found is None else (found[0], found[1])
