"""Where a user's own code may connect to: this machine, the target, and hosts that are allowed.

A scenario or a Locust file is the user's own program and may ask for any URL, be sent elsewhere by
a redirect, or have a forgotten staging host in it. Python tells of every connection before it is
made, and one to a host that the plan does not allow is refused there, as if that host had refused
it. The students' own client goes by the same rule before it connects, and is left alone here: it
knows the target's address already.
"""

import ipaddress
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from dress_rehearsal.plans.hosts import is_loopback

REFUSED_HERE: Final = "no load is sent to"
"""How the text of an error begins that is ours and not the host's, whatever its case."""
_EVENTS: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_AGAIN_S: Final = 1.0
_INTERNET: Final = (socket.AF_INET, socket.AF_INET6)


class Reach:
    """Refuses connections of this whole process to hosts that are not allowed.

    Args:
        url: of the target.
        allow: further hosts, as names or addresses.
        ours: the sockets' type of the students' own client; None: there is none.
    """

    def __init__(self, url: str, allow: Iterable[str], ours: type | None = None) -> None:
        self.refused: Counter[str] = Counter()
        """Connections that were refused, by their address."""
        self._hosts = {host for host in (urlsplit(url).hostname, *allow) if host}
        self._ours = ours
        self._addresses: set[str] = set()
        self._look_up_s = 0.0
        """When the hosts' addresses may be looked up again."""

    def guard(self) -> None:
        """Look at every connection from now on; there is no way back in a process."""
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _EVENTS:
            return
        connection, address = arguments  # no address where what is sent goes over a connection
        if type(connection) is self._ours:
            return
        if connection.family not in _INTERNET or not isinstance(address, tuple):
            return
        host = str(address[0]).partition("%")[0]
        if is_loopback(host) or _is_local(host) or self._is_allowed(host):
            return
        self.refused[host] += 1
        raise ConnectionRefusedError(
            f"{REFUSED_HERE.capitalize()} {host}: it is not on this machine, and neither the "
            f"target nor target.allow (--allow) names it."
        )

    def _is_allowed(self, host: str) -> bool:
        if host in self._hosts or host in self._addresses:
            return True
        if time.monotonic() >= self._look_up_s:
            # An address that is new may be the host's next: a load balancer's change all the time.
            self._look_up_s = time.monotonic() + _AGAIN_S
            self._addresses |= {found for name in self._hosts for found in _addresses_of(name)}
        return host in self._addresses


def _is_local(host: str) -> bool:
    """Return whether an address is nobody's in particular, by which this machine is meant."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _addresses_of(name: str) -> list[str]:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(name, None)]
    except OSError:
        return []
