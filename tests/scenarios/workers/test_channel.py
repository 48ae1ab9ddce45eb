"""Who knows the secret is admitted and obeyed; nobody else is, on either side."""

from types import SimpleNamespace

import gevent
import pytest

from dress_rehearsal.scenarios.workers.channel import (
    GREETING,
    SEALED,
    MasterChannel,
    WorkerChannel,
)

SECRET = b"a secret of ours"
WORKER_ID = "box_1"


class Wire:
    """Locust's two runners, and what is between them; `on_the_way` may change or drop a message."""

    def __init__(self):
        self.sent = []
        self.on_the_way = lambda message: message
        self.master = SimpleNamespace(clients={WORKER_ID: None}, custom={})
        self.worker = SimpleNamespace(client_id=WORKER_ID, custom={})
        for side, other in ((self.master, self.worker), (self.worker, self.master)):
            side.register_message = side.custom.__setitem__
            side.send_message = self._sender(other)

    def _sender(self, other):
        def send(kind, data=None, worker=WORKER_ID):
            message = self.on_the_way(SimpleNamespace(type=kind, data=data, node_id=worker))
            self.sent.append(message)
            if message is not None:
                self.deliver(other, message)

        return send

    def deliver(self, side, message):
        listener = side.custom.get(message.type)
        if listener is not None:
            gevent.spawn(listener, environment=None, msg=message)


@pytest.fixture
def wire():
    return Wire()


def joined(wire, master_secret=SECRET, worker_secret=SECRET):
    """Return both channels once it is decided; each notes what it heard and said."""
    heard = SimpleNamespace(master=[], worker=[], said=[], refused=[])
    master = MasterChannel(
        wire.master, master_secret, heard.said.append, lambda *what: heard.master.append(what)
    )
    worker = WorkerChannel(
        wire.worker, worker_secret, lambda *what: heard.worker.append(what), heard.refused.append
    )
    assert worker.decided.wait(10)
    gevent.sleep(0.01)
    return master, worker, heard


def test_who_knows_the_secret_is_admitted_and_heard(wire):
    master, worker, heard = joined(wire)
    assert master.has_admitted(WORKER_ID)
    assert worker.is_admitted
    master.send(WORKER_ID, "run", "open", 7)
    worker.send("run", "ready", None)
    gevent.sleep(0.01)
    assert heard.worker == [("run", "open", 7)]
    assert heard.master == [(WORKER_ID, "run", "ready", None)]
    assert heard.said == heard.refused == []


def test_the_secret_itself_is_never_sent(wire):
    joined(wire)
    assert not any(SECRET in repr(message.data).encode() for message in wire.sent)


def test_one_with_another_secret_is_refused_on_both_sides_and_told_so(wire):
    master, worker, heard = joined(wire, worker_secret=b"another secret!!")
    assert master.has_admitted(WORKER_ID) is False
    assert not worker.is_admitted
    assert WORKER_ID not in wire.master.clients  # so Locust deals it nobody
    assert heard.said == ["A worker on box is refused: its secret is not this master's."]
    assert "does not know this worker's secret" in heard.refused[0]
    master.send(WORKER_ID, "run", "share", {})
    gevent.sleep(0.01)
    assert heard.worker == []


def test_a_master_that_proves_nothing_is_not_obeyed(wire):
    def unproven(message):
        if message.type == GREETING and message.data["step"] == "challenge":
            message.data = {**message.data, "proof": b"\x00" * 32}
        return message

    wire.on_the_way = unproven
    master, worker, heard = joined(wire)
    master.send(WORKER_ID, "run", "share", {})
    gevent.sleep(0.01)
    assert not worker.is_admitted
    assert heard.worker == []


@pytest.mark.parametrize("data", [None, {}, {"body": b"", "number": 1, "mac": b""}, "share"])
def test_what_is_not_sealed_is_heard_by_nobody(wire, data):
    _, _, heard = joined(wire)
    for side in (wire.master, wire.worker):
        wire.deliver(side, SimpleNamespace(type=SEALED, data=data, node_id=WORKER_ID))
    gevent.sleep(0.01)
    assert heard.master == heard.worker == []
    assert heard.said == [
        "A message in the name of a worker on box is not heeded: it has no seal."
        if not isinstance(data, dict) or not data
        else "A message in the name of a worker on box is not heeded: its seal is wrong."
    ]


def test_a_message_that_is_sent_again_is_heard_once(wire):
    master, worker, heard = joined(wire)
    master.send(WORKER_ID, "run", "open", 7)
    worker.send("run", "ready", None)
    [to_worker, to_master] = wire.sent[-2:]
    wire.deliver(wire.worker, to_worker)
    wire.deliver(wire.master, to_master)
    gevent.sleep(0.01)
    assert len(heard.worker) == len(heard.master) == 1
    assert heard.said[0].endswith("is not heeded: it came before.")


def test_a_session_that_is_played_back_admits_nobody(wire):
    """Somebody has listened, and says the same to the same master once that worker is gone."""
    joined(wire)
    hello, join = [
        message
        for message in wire.sent
        if message.type == GREETING and message.data["step"] in ("hello", "join")
    ]
    later = Wire()
    said = []
    master = MasterChannel(later.master, SECRET, said.append, lambda *what: said.append(what))
    for message in (hello, join):
        later.deliver(later.master, message)
        gevent.sleep(0.01)
    assert master.has_admitted(WORKER_ID) is False
    assert said == ["A worker on box is refused: its secret is not this master's."]


@pytest.mark.parametrize(
    "data", [None, [], {}, {"step": "hello"}, {"step": "hello", "nonce": "x"}, {"step": "join"}]
)
def test_a_greeting_that_is_none_harms_nobody(wire, data):
    for side in (wire.master, wire.worker):
        side.custom.clear()
    master, worker, heard = joined(wire)
    for side in (wire.master, wire.worker):
        wire.deliver(side, SimpleNamespace(type=GREETING, data=data, node_id="box_9"))
    gevent.sleep(0.01)
    assert master.has_admitted(WORKER_ID)
    assert not master.has_admitted("box_9")
    assert worker.is_admitted
    assert heard.said == []
