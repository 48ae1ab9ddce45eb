"""Names that one process of this machine holds at a time; the kernel frees them at its end."""

import errno
import socket


def held_name(name: str) -> socket.socket | None:
    """Return a socket that holds a name on this machine until it is closed; None: another does.

    Where there are no such names (no Linux) nobody can tell: one rehearsal must not fail for it.
    """
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        held.bind(f"\0dress-rehearsal-{name}")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            held.close()
            return None
    return held
