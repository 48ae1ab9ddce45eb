"""Our client alone, without students, moments and rows: `Client.get`, again and again."""

import locust  # noqa: F401  (first: it makes the process cooperative)

# isort: split
import gc
import json
import os
import time
from urllib.parse import urlsplit

import gevent

from dress_rehearsal.records.requests.trace_ids import TraceIds
from dress_rehearsal.records.stamps import KernelStamps
from dress_rehearsal.scenarios.client.connection import Connection
from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.http import Answer, Request
from dress_rehearsal.scenarios.client.origin import Origin
from dress_rehearsal.scenarios.client.session import Client

_TIMEOUT_S = 10.0


def ask(student: int, origin: Origin, traces: TraceIds, path: str, until_s: float) -> list[int]:
    """Ask on one connection until the time is up; return the statuses."""
    connection = Connection(origin.address, _TIMEOUT_S)
    statuses: list[int] = []

    def perform(request: Request, _step: str, _stream: object = None, /) -> Answer:
        trace = traces.traceparent(student, len(statuses))
        return connection.exchange(request, trace, Exchange())

    client = Client(origin, perform)
    while time.monotonic() < until_s:
        statuses.append(client.get(path).status)
    connection.close()
    return statuses


def main() -> None:
    """Ask on 64 connections and print how many answers there were."""
    url = urlsplit(os.environ["URL"])
    origin = Origin(url.netloc, (url.hostname or "", url.port or 80))
    traces = TraceIds("bench")
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    with KernelStamps():
        until_s = time.monotonic() + float(os.environ["SECONDS"])
        asking = [
            gevent.spawn(ask, student, origin, traces, url.path, until_s)
            for student in range(int(os.environ["CONNECTIONS"]))
        ]
        gevent.joinall(asking, raise_error=True)
    statuses = [status for each in asking for status in each.value]
    failed = sum(not 200 <= status < 400 for status in statuses)
    print(json.dumps({"requests": len(statuses), "failed": failed}))


if __name__ == "__main__":
    main()
