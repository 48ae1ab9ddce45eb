"""Whether a host is this machine: what never leaves it needs no leave and no encryption."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Tell whether a host, as a URL names it without brackets, is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
