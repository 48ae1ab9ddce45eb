"""The kernel stamps what arrives from before the first request on."""

import socket
import sys

import pytest

from dress_rehearsal.records.stamps import SO_TIMESTAMPNS, KernelStamps, kernel_stamps_arrivals

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps")


def test_the_first_thing_that_arrives_afterwards_has_a_stamp() -> None:
    with (
        KernelStamps() as stamps,
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as reader,
        server.accept()[0] as writer,
    ):
        assert stamps.come
        reader.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        writer.sendall(b"x")
        _, ancillary, _, _ = reader.recvmsg(1, 128)
    assert [kind for _, kind, _ in ancillary] == [SO_TIMESTAMPNS]


def test_whether_it_stamps_can_be_asked() -> None:
    assert kernel_stamps_arrivals()


def test_a_kernel_that_refuses_does_not_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dress_rehearsal.records.stamps.SO_TIMESTAMPNS", 10_000)
    assert not kernel_stamps_arrivals()
