"""A seal is broken by whatever changes a message, sends it again, or seals without the secret."""

import pytest

from dress_rehearsal.scenarios.workers.seal import (
    MASTER,
    WORKER,
    BrokenSealError,
    Seal,
    is_proven,
    opened,
    proof,
)

SECRET, SESSION = b"a secret of ours", ("box_1", b"n" * 16, b"m" * 16)


def both(secret=SECRET, session=SESSION):
    return Seal(SECRET, MASTER, SESSION), Seal(secret, WORKER, session)


def test_what_one_side_seals_the_other_opens():
    master, worker = both()
    content = {"plan": "x = 1", "people": {3: ["S1", "0042", {}]}, "files": {"a": b"\x00"}}
    assert worker.opened(master.sealed("run", "share", content)) == ("run", "share", content)
    assert master.opened(worker.sealed("run", "ready", None)) == ("run", "ready", None)


@pytest.mark.parametrize(
    "change",
    [
        {"body": b"\x93\xa3run\xa4stop\xc0"},
        {"number": 2},
        {"number": -1},
        {"number": 2**80},
        {"number": "1"},
        {"mac": b"\x00" * 32},
        {"mac": b""},
        {"mac": None},
        {"body": None},
    ],
)
def test_what_was_changed_on_the_way_is_refused(change):
    master, worker = both()
    with pytest.raises(BrokenSealError):
        worker.opened({**master.sealed("run", "share", {}), **change})


@pytest.mark.parametrize("message", [None, [], "share", {}, {"number": 1}, 7])
def test_what_has_no_seal_is_refused(message):
    _, worker = both()
    with pytest.raises(BrokenSealError, match="no seal"):
        worker.opened(message)


def test_what_came_before_is_refused_and_what_comes_next_is_not():
    master, worker = both()
    first, second, third = (master.sealed("run", "open", number) for number in range(3))
    worker.opened(first)
    worker.opened(second)
    for old in (first, second):
        with pytest.raises(BrokenSealError, match="came before"):
            worker.opened(old)
    assert worker.opened(third)[2] == 2


def test_nobody_is_sent_back_what_he_said():
    master, _ = both()
    with pytest.raises(BrokenSealError, match="wrong"):
        master.opened(master.sealed("run", "stop", None))


@pytest.mark.parametrize(
    ("secret", "session"),
    [
        (b"another secret!!", SESSION),
        (SECRET, ("box_2", *SESSION[1:])),
        (SECRET, ("box_1", b"o" * 16, b"m" * 16)),
        (SECRET, ("box_1", b"n" * 16, b"o" * 16)),
    ],
)
def test_neither_another_secret_nor_another_session_opens_it(secret, session):
    master, worker = both(secret, session)
    with pytest.raises(BrokenSealError, match="wrong"):
        worker.opened(master.sealed("run", "share", {}))


def test_who_has_proved_nothing_is_not_heard():
    with pytest.raises(BrokenSealError, match="has not proved"):
        opened(None, both()[0].sealed("run", "share", {}))


@pytest.mark.parametrize(
    ("secret", "role", "said"),
    [(b"another secret!!", WORKER, "box_1"), (SECRET, MASTER, "box_1"), (SECRET, WORKER, "box_2")],
)
def test_a_proof_is_of_one_secret_one_role_and_what_was_said(secret, role, said):
    given = proof(secret, role, said, b"n", b"m")
    assert is_proven(given, secret, role, said, b"n", b"m")
    assert not is_proven(given, SECRET, WORKER, "box_1", b"n", b"m")
    assert not is_proven(None, secret, role, said, b"n", b"m")
    assert not is_proven(given, secret, role, said, b"nm", b"")
