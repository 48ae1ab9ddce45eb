"""The accept queues are read right: how many wait, how many may, and whose turned some away."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dress_rehearsal.records.collectors.listen_queue import (
    ListenQueues,
    listen_queues,
    open_diagnosis,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_connections_nobody_accepted_are_the_queues_length(family: socket.AddressFamily) -> None:
    address = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.create_server((address, 0), family=family, backlog=77) as server:
        port = server.getsockname()[1]
        clients = [socket.create_connection(server.getsockname()[:2]) for _ in range(5)]
        queues = ListenQueues([port])
        reading = queues.read()
        queues.close()
        for client in clients:
            client.close()

    labels = f'{{"port":"{port}"}}'
    assert {series.source for series in reading.series} == {"kernel"}
    assert {(s.name, s.labels): v for s, v in zip(reading.series, reading.values, strict=True)} == {
        ("listen_queue_length", labels): 5,
        ("listen_queue_limit", labels): 77,
        ("listen_queue_drops_total", labels): 0,
    }


def test_of_several_sockets_on_one_port_the_fullest_is_told() -> None:
    with (
        socket.create_server(("127.0.0.1", 0), backlog=50, reuse_port=True) as first,
        socket.create_server(first.getsockname(), backlog=50, reuse_port=True),
    ):
        port = first.getsockname()[1]
        clients = [socket.create_connection(first.getsockname()) for _ in range(9)]
        with open_diagnosis() as diagnosis:
            lengths = [q.length for q in listen_queues(diagnosis) if q.port == port]
        queues = ListenQueues([port])
        reading = queues.read()
        queues.close()
        for client in clients:
            client.close()

    assert sum(lengths) == 9
    assert reading.values[0] == max(lengths)


def test_a_port_nobody_listens_on_has_no_queue(listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    listening.close()
    queues = ListenQueues([port])

    assert not queues.read().series
    queues.close()


@contextmanager
def overflowing(server: socket.socket, number: int = 6) -> Iterator[None]:
    """Have more clients connect than the queue takes; the kernel turns the others away."""
    clients = [socket.socket() for _ in range(number)]
    for client in clients:
        client.setblocking(False)
        client.connect_ex(server.getsockname())
    try:
        yield
    finally:
        for client in clients:
            client.close()


def drops(queues: ListenQueues) -> dict[str, float]:
    reading = queues.read()
    pairs = zip(reading.series, reading.values, strict=True)
    return {s.labels: value for s, value in pairs if s.name == "listen_queue_drops_total"}


def test_what_a_socket_turned_away_is_its_own_and_counts_from_the_first_read_on() -> None:
    with (
        socket.create_server(("127.0.0.1", 0), backlog=1) as full,
        socket.create_server(("127.0.0.1", 0), backlog=50) as calm,
    ):
        ports = [server.getsockname()[1] for server in (full, calm)]
        labels = [f'{{"port":"{port}"}}' for port in ports]
        with overflowing(full):
            queues = ListenQueues(ports)
            assert drops(queues) == dict.fromkeys(labels, 0)
        with overflowing(full, 4):
            assert drops(queues) == {labels[0]: 4, labels[1]: 0}
        queues.close()


def test_sockets_that_were_closed_are_not_forgotten() -> None:
    with (
        socket.create_server(("127.0.0.1", 0), backlog=1, reuse_port=True) as first,
    ):
        address = first.getsockname()
        queues = ListenQueues([address[1]])
        (before,) = drops(queues).values()
        with overflowing(first):
            (seen,) = drops(queues).values()
        first.close()
        with socket.create_server(address, backlog=1, reuse_port=True) as second:
            with overflowing(second):
                (after,) = drops(queues).values()
            assert before == 0 < seen < after
        queues.close()
