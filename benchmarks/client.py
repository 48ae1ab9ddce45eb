"""What one request costs the generator, beside Locust's own fast client, in CPU time.

CPU time, not wall time: it leaves out the server's share of the machine and most of the noise.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

STUDENTS = 200
REQUESTS_EACH = 50
ROUNDS = 3


@contextmanager
def _server() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", "benchmarks.answering_app:app", "--interface", "asginl"]
        + ["--http", "1", "--no-ws", "--port", str(port), "--log-level", "error"]
        + ["--backpressure", "20000"]
    )
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()


def _in_greenlets(act: Callable[[int], None]) -> float:
    """Run `act` for every student at once; gives CPU microseconds a request."""
    import gevent

    begun = time.process_time()
    gevent.joinall([gevent.spawn(act, n) for n in range(STUDENTS)], raise_error=True)
    return (time.process_time() - begun) / (STUDENTS * REQUESTS_EACH) * 1e6


def _ours(port: int) -> float:
    from dress_rehearsal.plans import read_plan, seeded_roster
    from dress_rehearsal.records import RunDirectory
    from dress_rehearsal.scenarios.client.origin import Origin
    from dress_rehearsal.scenarios.loading import load_buyer
    from dress_rehearsal.scenarios.recorder import Recorder
    from dress_rehearsal.scenarios.rush import Rush
    from dress_rehearsal.scenarios.students.browser import Browser
    from dress_rehearsal.scenarios.timetable import draw_timetable

    plan = read_plan(Path("smoke"), [f"event.students={STUDENTS}", "schedule.sale=1h"])
    people = seeded_roster(STUDENTS, 0, 1)
    with tempfile.TemporaryDirectory() as folder:
        run = RunDirectory.create(Path(folder), plan)
        recorder = Recorder(run, "bench")
        timetable = draw_timetable(plan, people)
        origin = Origin(f"127.0.0.1:{port}", ("127.0.0.1", port))
        rush = Rush(run.id, plan, people, timetable, origin, recorder, load_buyer(plan))
        rush.open_at(time.time_ns())

        def act(student: int) -> None:
            browser = Browser(rush, student)
            for _ in range(REQUESTS_EACH):
                browser.page(time.time_ns())
            browser.close()

        cost = _in_greenlets(act)
        begun = time.process_time()
        recorder.flush()
        return cost + (time.process_time() - begun) / recorder.requests * 1e6


def _locusts(port: int) -> float:
    from locust.contrib.fasthttp import FastHttpSession
    from locust.env import Environment

    environment = Environment(host=f"http://127.0.0.1:{port}")
    environment.create_local_runner()

    def act(_student: int) -> None:
        session = FastHttpSession(f"http://127.0.0.1:{port}", environment.events.request, None)
        for _ in range(REQUESTS_EACH):
            session.get("/events/festival", name="/events/{event}")

    return _in_greenlets(act)


def _measure(which: str, port: int) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.client", which, str(port)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return float(json.loads(done.stdout))


def main() -> None:
    """Print both clients' cost and the ratio, round by round."""
    with _server() as port:
        print("client: CPU microseconds a request (ours records and stamps; Locust's counts)")
        for _ in range(ROUNDS):
            ours, locusts = _measure("ours", port), _measure("locust", port)
            print(f"  ours {ours:6.1f}   FastHttpSession {locusts:6.1f}   {locusts / ours:.2f} x")


if __name__ == "__main__":
    import locust  # noqa: F401  (makes the process cooperative, as in a real generator)

    measured = {"ours": _ours, "locust": _locusts}[sys.argv[1]](int(sys.argv[2]))
    os.write(1, json.dumps(measured).encode())
