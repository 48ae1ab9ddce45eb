"""The app's loopback port: free, claimed, and out of the way of outgoing connections."""

import errno
import random
import socket
import sys
from collections.abc import Sequence
from typing import Self

from dress_rehearsal.compose.errors import StageUnusableError

PORTS = range(20_000, 30_000)
"""Below what Linux gives outgoing connections by default (32768 up): none of 12,000 students'
sockets can be sitting on the port when the app wants it."""

_ATTEMPTS = 200


class ClaimedPort:
    """A port that no other stage on this machine will choose while this is open.

    A bind by itself does not keep anybody away: the app's server listens with `SO_REUSEPORT`, so
    that two of them started at once would share a port and each other's students. The claim is
    an abstract socket, which like the port belongs to this network namespace and goes with its
    process. Elsewhere than on Linux the chance of 1 in 10,000 is taken.
    """

    def __init__(self, number: int, claim: socket.socket | None) -> None:
        self.number = number
        self._claim = claim

    @classmethod
    def choose(cls, ports: Sequence[int] = PORTS) -> Self:
        """Claim one of `ports` at random that nobody has.

        Raises:
            StageUnusableError: none was found, or none can be claimed here.
        """
        numbers = random.SystemRandom().sample(ports, min(_ATTEMPTS, len(ports)))
        for number in numbers:
            try:
                claim = _claim(number)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:  # another stage's
                    continue
                raise StageUnusableError(
                    f"The stage is not set: no port of 127.0.0.1 can be claimed: {error}."
                ) from error
            if not port_taken(number):
                return cls(number, claim)
            if claim is not None:
                claim.close()
        raise StageUnusableError(
            f"The stage is not set: {len(numbers)} ports tried between {min(ports)} and "
            f"{max(ports)} are all in use on 127.0.0.1; end what listens there."
        )

    def close(self) -> None:
        """Let others choose it."""
        if self._claim is not None:
            self._claim.close()


def port_taken(port: int) -> bool:
    """Return whether somebody has a loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of an earlier one in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _claim(port: int) -> socket.socket | None:
    if sys.platform != "linux":
        return None
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0dress-rehearsal-port-{port}")
    except OSError:
        claim.close()
        raise
    return claim
