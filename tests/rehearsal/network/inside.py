"""Runs `rehearse` inside a network namespace and counts the packets that it sends, by interface.

As `python inside.py`, started by `unshare --net`. It reads a line of JSON a command, the words
after `rehearse`, and answers each with a line; what it has imported by then each command has too.
Beside loopback there is one way out, a pair of virtual interfaces with the default route and
nobody behind: whoever wants to send there asks for the neighbour's address first, which is a
packet. IPv6 is off, so that nobody else says anything.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
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


def set_up() -> None:
    """Make the interfaces of this namespace."""
    for kind in ("all", "default"):
        Path(f"/proc/sys/net/ipv6/conf/{kind}/disable_ipv6").write_text("1")
    for command in SETUP:
        subprocess.run(command.split(), check=True, timeout=10)


def perform(words: list[str]) -> tuple[int, str]:
    """Return the exit code of a command in a process of its own, and all that it said."""
    from dress_rehearsal.rehearsal import cli, run  # noqa: F401  (once, for every command)
    from dress_rehearsal.rehearsal.__main__ import main

    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            signal.alarm(LIMIT_S)
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            sys.argv = ["rehearse", *words]
            code = 1
            try:
                code = main()
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        said.seek(0)
        return os.waitstatus_to_exitcode(status), said.read().decode()


def main() -> None:
    set_up()
    for line in sys.stdin:
        before = sent()
        code, output = perform(json.loads(line))
        after = sent()
        document = {
            "code": code,
            "output": " ".join(output.split()),
            "here": after["lo"] - before["lo"],
            "away": after["out"] - before["out"],
        }
        print(json.dumps(document), flush=True)


if __name__ == "__main__":
    main()
