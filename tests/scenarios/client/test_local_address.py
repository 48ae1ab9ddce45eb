"""Connections on loopback come from as many addresses as it takes, elsewhere from one."""

import socket
import sys
from itertools import pairwise

import pytest

from dress_rehearsal.scenarios.client import local_address
from dress_rehearsal.scenarios.client.connection import Connection
from dress_rehearsal.scenarios.client.exchange import Exchange
from dress_rehearsal.scenarios.client.local_address import LocalAddresses, port_range, spreads
from dress_rehearsal.scenarios.client.origin import Origin
from tests.scenarios.client.requests import request_to

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="all of 127.0.0.0/8 is Linux' own")

RANGE = (40_000, 40_039)  # a quarter is ten


def test_no_address_opens_more_than_a_quarter_of_the_range() -> None:
    local = LocalAddresses("127.0.0.1", RANGE)
    taken = [local.next() for _ in range(25)]
    assert taken == [None] * 10 + ["127.0.0.2"] * 10 + ["127.0.0.3"] * 5


def test_a_small_rush_keeps_the_usual_address() -> None:
    local = LocalAddresses("127.0.0.1", (32_768, 60_999))
    assert {local.next() for _ in range(7_058)} == {None}
    assert local.next() == "127.0.0.2"


def test_after_the_last_address_comes_the_first_again() -> None:
    local = LocalAddresses("127.0.0.1", (40_000, 40_003))
    taken = [local.next() for _ in range(256)]
    assert taken[253:] == ["127.0.0.254", None, "127.0.0.2"]


@pytest.mark.parametrize("destination", ["10.0.0.7", "::1", "example.org", ""])
def test_elsewhere_there_is_one(destination: str) -> None:
    assert not spreads(destination)
    local = LocalAddresses(destination, RANGE)
    assert {local.next() for _ in range(100)} == {None}


def test_the_server_sees_the_addresses(server) -> None:
    local = LocalAddresses("127.0.0.1", (40_000, 40_003))
    opened = []
    for number in range(3):
        connection = Connection(("127.0.0.1", server.port), 2.0, local)
        request = request_to(Origin("h", ("127.0.0.1", server.port)), "GET", f"/{number}")
        connection.exchange(request, b"00-0-0-01", Exchange())
        opened.append(connection)
    names = [connection._line.plain.getsockname()[0] for connection in opened]
    for connection in opened:
        connection.close()
    assert names == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]


def test_several_addresses_share_the_ports() -> None:
    """Each address has all ports to itself: two connections may come from one port."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        local = LocalAddresses("127.0.0.1", (40_000, 40_003))
        clients = []
        for _ in range(32):
            client = socket.socket()
            local.bind(client)
            client.connect(server.getsockname())
            clients.append(client)
        sources = {client.getsockname() for client in clients}
        for client in clients:
            client.close()
    assert len(sources) == 32
    assert len({address for address, _ in sources}) == 32


def connected(local: LocalAddresses, to: tuple[str, int]) -> socket.socket:
    client = socket.socket()
    for _ in local.attempts(client):
        if client.connect_ex(to) == 0:
            return client
    pytest.fail("no port was free")


def elsewhere(ports: tuple[int, int]) -> LocalAddresses:
    """As for another machine; connections within this one are told their ports as well."""
    return LocalAddresses("192.0.2.1", ports)


def test_elsewhere_each_connection_comes_from_the_next_port() -> None:
    first, last = port_range() or (32_768, 60_999)
    local = elsewhere((first, last))
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        clients = [connected(local, server.getsockname()) for _ in range(20)]
        ports = [client.getsockname()[1] for client in clients]
        for client in clients:
            client.close()
    steps = [(after - before) % (last - first + 1) for before, after in pairwise(ports)]
    assert all(1 <= step <= 3 for step in steps), ports  # somebody else may have one of them


def test_a_port_that_is_taken_is_left_for_the_next_and_at_last_for_any() -> None:
    first, last = port_range() or (32_768, 60_999)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        to = server.getsockname()
        held = connected(elsewhere((first, last)), to)
        port = held.getsockname()[1]
        few = elsewhere((port, port))  # which is all it has, and taken
        other = connected(few, to)
        found = other.getsockname()[1]
        held.close()
        other.close()
    assert found != port


def test_a_system_that_cannot_be_told_the_port_chooses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_address, "_LOCAL_PORT_RANGE", 9999)  # as before Linux 6.3
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        client = connected(elsewhere((40_000, 40_003)), server.getsockname())
        client.close()


def test_processes_that_share_a_rush_begin_at_addresses_of_their_own() -> None:
    first = []
    for number in range(8):
        local = LocalAddresses("127.0.0.1", RANGE)
        local.share(number, 8)
        first.append([local.next() for _ in range(30)])
    assert first[0] == [None] * 10 + ["127.0.0.2"] * 10 + ["127.0.0.3"] * 10
    assert len({address for each in first for address in each}) == 8 * 3
    alone = [LocalAddresses("127.0.0.1", RANGE).next() for _ in range(8)]
    assert set(alone) == {None}  # as all of them would have, had nobody told them


def test_more_processes_than_addresses_still_have_one_each() -> None:
    local = LocalAddresses("127.0.0.1", RANGE)
    local.share(299, 300)
    assert local.next() == "127.0.0.46"


def test_two_processes_come_from_the_usual_address_as_one_does() -> None:
    local = LocalAddresses("127.0.0.1", RANGE)
    local.share(1, 2)
    assert [local.next() for _ in range(10)] == [None] * 10
