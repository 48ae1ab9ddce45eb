"""Files go in pieces of at most 1 MiB, eight of them under way, and come together as they were."""

import random

import gevent
import pytest

from dress_rehearsal.records import RecordError
from dress_rehearsal.scenarios.workers import transfer
from dress_rehearsal.scenarios.workers.seal import MASTER, Seal
from dress_rehearsal.scenarios.workers.transfer import PIECE_BYTES, UNDER_WAY, Receiver, Sender


def content_of(size):
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES - 1])
def test_a_file_comes_as_it_was_sent(size):
    receiver, pieces = Receiver(), []
    Sender(pieces.append).file("a", content_of(size))
    assert [receiver.file(list(piece)) for piece in pieces] == [
        *[None] * (len(pieces) - 1),
        ("a", content_of(size)),
    ]


def test_no_message_is_larger_than_a_mebibyte():
    seal, pieces = Seal(b"secret", MASTER, ("worker",)), []
    Sender(pieces.append).file("worker0-000000.parquet", content_of(2 * PIECE_BYTES))
    sealed = [seal.sealed("20261129T215729Z-smoke-df8f0b", "piece", list(one)) for one in pieces]
    assert max(len(one["body"]) + len(one["mac"]) + 100 for one in sealed) <= 2**20


def test_no_more_than_eight_are_under_way():
    pieces = []
    sender = Sender(pieces.append)
    sending = gevent.spawn(sender.file, "a", content_of(20 * PIECE_BYTES))
    gevent.sleep(0.01)
    assert len(pieces) == UNDER_WAY == 8
    for taken in range(1, 13):
        sender.acknowledged()
        gevent.sleep(0.001)
        assert len(pieces) == UNDER_WAY + taken
    sending.join(10)
    assert sending.successful()


def test_acknowledging_what_was_not_sent_makes_no_room():
    pieces = []
    sender = Sender(pieces.append)
    for _ in range(50):
        sender.acknowledged()
    sending = gevent.spawn(sender.file, "a", content_of(20 * PIECE_BYTES))
    gevent.sleep(0.01)
    assert len(pieces) == UNDER_WAY
    sending.kill()


def test_a_master_that_takes_nothing_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(transfer, "_TAKEN_WITHIN_S", 0.01)
    with pytest.raises(RecordError, match="The master has taken nothing"):
        Sender([].append).file("a", content_of(9 * PIECE_BYTES))


def test_what_was_cut_short_comes_again_from_its_beginning():
    receiver = Receiver()
    assert receiver.file(["a", 0, 2, b"cut"]) is None
    assert receiver.file(["a", 0, 2, b"wh"]) is None
    assert receiver.file(["b", 0, 1, b"other"]) == ("b", b"other")
    assert receiver.file(["a", 1, 2, b"ole"]) == ("a", b"whole")


def test_a_piece_that_is_missing_makes_no_file():
    receiver = Receiver()
    receiver.file(["a", 0, 3, b"1"])
    with pytest.raises(ValueError, match="piece 2 of 3 is not the next"):
        receiver.file(["a", 2, 3, b"3"])
