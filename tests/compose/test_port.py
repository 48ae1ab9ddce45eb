"""Two stages never share a port, even when both choose at the same instant."""

import errno
import os
import socket

import pytest

from dress_rehearsal.compose.errors import StageUnusableError
from dress_rehearsal.compose.port import PORTS, ClaimedPort, port_taken


def test_a_port_is_free_and_out_of_the_way_of_outgoing_connections() -> None:
    port = ClaimedPort.choose()
    assert port.number in PORTS
    assert not port_taken(port.number)
    port.close()


def test_a_claimed_port_is_not_chosen_again_until_it_is_let_go() -> None:
    first = ClaimedPort.choose()
    only = [first.number]
    with pytest.raises(StageUnusableError, match=r"1 ports tried .* all in use"):
        ClaimedPort.choose(only)
    first.close()
    second = ClaimedPort.choose(only)
    second.close()


def test_a_port_somebody_else_listens_on_is_not_chosen_even_if_they_would_share_it() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        taken = server.getsockname()[1]
        assert port_taken(taken)
        with pytest.raises(StageUnusableError, match="end what listens there"):
            ClaimedPort.choose([taken])
    assert not port_taken(taken)


def test_what_keeps_ports_from_being_claimed_is_not_called_a_port_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_more(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("dress_rehearsal.compose.port._claim", no_more)
    with pytest.raises(StageUnusableError, match=r"can be claimed: .*Too many open files"):
        ClaimedPort.choose()
