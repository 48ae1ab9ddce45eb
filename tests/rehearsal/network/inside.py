"""Runs a command inside a network namespace and counts the packets that it sends, by interface.

As `python inside.py COMMAND…`, started by `unshare --net`. Beside loopback there is one way out,
a pair of virtual interfaces with the default route and nobody behind: whoever wants to send there
asks for the neighbour's address first, which is a packet. IPv6 is off, so that nobody else says
anything.
"""

import json
import subprocess
import sys
from pathlib import Path

LIMIT_S = 120
SETUP = (
    "ip link set lo up",
    "ip link add out type veth peer name nobody",
    "ip addr add 198.18.0.1/24 dev out",
    "ip link set nobody up",
    "ip link set out up",
    "ip route add default dev out",
)


def sent() -> dict[str, int]:
    """Return how many packets each interface has sent."""
    lines = Path("/proc/self/net/dev").read_text().splitlines()[2:]
    found = (line.partition(":") for line in lines)
    return {name.strip(): int(numbers.split()[9]) for name, _, numbers in found}


def main() -> None:
    for kind in ("all", "default"):
        Path(f"/proc/sys/net/ipv6/conf/{kind}/disable_ipv6").write_text("1")
    for command in SETUP:
        subprocess.run(command.split(), check=True, timeout=10)
    before = sent()
    ended = subprocess.run(
        sys.argv[1:],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    after = sent()
    document = {
        "code": ended.returncode,
        "output": " ".join(ended.stdout.split()),
        "here": after["lo"] - before["lo"],
        "away": after["out"] - before["out"],
    }
    sys.stdout.write(json.dumps(document))


if __name__ == "__main__":
    main()
