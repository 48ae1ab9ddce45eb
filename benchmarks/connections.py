"""What opening a connection takes when many are open already: from one address, and from several.

Both ways in one run, so that what counts is their ratio. The clients are the generator's own
(`LocalAddresses`); the time is that of `connect()` alone, in a process that does nothing else.
"""

import resource
import socket
import subprocess
import sys
import time

from dress_rehearsal.scenarios.client.local_address import LocalAddresses, port_range

OPEN = 15_000
EVERY = 1_000
ACCEPT = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0), backlog=4096)
print(server.getsockname()[1], flush=True)
accepted = []
while True:
    accepted.append(server.accept()[0])
"""


def run(number: int = OPEN) -> None:
    """Print the median time of a connect, a thousand of them a line, and the ratio at the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number + 100
    if hard != resource.RLIM_INFINITY and hard < wanted:
        print(f"connections: needs {wanted:,} open files, this machine allows {hard:,}")
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    span = port_range()
    if span is None:
        print("connections: this system does not say which local ports it has")
        return
    print(f"connections: microseconds a connect(), {span[1] - span[0] + 1:,} local ports")
    one, several = _opened(number, spread=False), _opened(number, spread=True)
    for place, (alone, shared) in enumerate(zip(one, several, strict=True)):
        opened = f"{place * EVERY:6,} to {(place + 1) * EVERY:6,} open"
        print(f"  {opened}   one address {alone:6.1f}   several {shared:6.1f}")
    print(f"  at the end {one[-1] / several[-1]:.1f} x")


def _opened(number: int, *, spread: bool) -> list[float]:
    """Open connections to a server of its own; give microseconds a connect, by the thousand."""
    server = subprocess.Popen([sys.executable, "-c", ACCEPT], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = ("127.0.0.1", int(server.stdout.readline()))
    local = LocalAddresses(address[0] if spread else "elsewhere")
    clients, took = [], []
    try:
        for _ in range(number):
            client = socket.socket()
            local.bind(client)
            begun = time.perf_counter()
            client.connect(address)
            took.append((time.perf_counter() - begun) * 1e6)
            clients.append(client)
    finally:
        for client in clients:
            client.close()
        server.kill()
        server.wait()
        server.stdout.close()
    thousands = (sorted(took[start : start + EVERY]) for start in range(0, number, EVERY))
    return [each[len(each) // 2] for each in thousands]


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else OPEN)
