"""The channel between a master and its workers: Locust's connection, with a seal on every message.

A worker says hello with a nonce; the master answers with its own and a proof that it knows the
secret; the worker proves the same and is admitted. From then on both seal what they say.
"""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import gevent
import msgspec
from gevent.event import Event

from dress_rehearsal.plans.visible import visible_line
from dress_rehearsal.scenarios.workers.seal import (
    MASTER,
    NONCE_BYTES,
    WORKER,
    BrokenSealError,
    Seal,
    is_proven,
    opened,
    proof,
)
from dress_rehearsal.scenarios.workers.secret import FILE_VARIABLE, VARIABLE

if TYPE_CHECKING:  # importing Locust makes a process cooperative
    from locust.runners import MasterRunner, WorkerRunner

GREETING: Final = "rehearsal_greeting"
SEALED: Final = "rehearsal_sealed"
"""The types of our messages among Locust's own."""

_HELLO: Final = "hello"
_CHALLENGE: Final = "challenge"
_JOIN: Final = "join"
_REFUSED: Final = "refused"
_WELCOME: Final = "welcome"
_AGAIN_S: Final = 1.0
_MOST_GREETED: Final = 10_000
"""Of so many who said hello and nothing more the oldest is forgotten."""
_LONGEST_HOST: Final = 64
_LONGEST_WHY: Final = 200
_LOG: Final = logging.getLogger(__name__)


class Message(Protocol):
    """A message of Locust's, as a listener gets it."""

    type: str
    data: Any
    node_id: str


@dataclass(frozen=True, slots=True)
class About:
    """Whose process a worker is."""

    host: str
    pid: int
    version: str

    @property
    def words(self) -> str:
        """Return it as a sentence names it."""
        return f"pid {self.pid} on {self.host}"


class _Greeted(NamedTuple):
    theirs: bytes
    ours: bytes


Take = Callable[[str, str, str, Any], None]
"""Takes in what a worker said: its id, the run it is about, the kind, the content."""


class MasterChannel:
    """The master's side: it admits who knows the secret, and hears nobody else.

    Args:
        say: is told, in a sentence, of whom it refuses.
        take: gets what admitted workers say.
    """

    def __init__(
        self, runner: "MasterRunner", secret: bytes, say: Callable[[str], None], take: Take
    ) -> None:
        self.admitted: dict[str, About] = {}
        """The workers that know the secret, by Locust's id."""
        self.refused: set[str] = set()
        self._runner, self._secret, self._say, self._take = runner, secret, say, take
        self._greeted: dict[str, _Greeted] = {}
        self._seals: dict[str, Seal] = {}
        self._complained: set[str] = set()
        runner.register_message(GREETING, lambda msg, **_: self._greet(msg))
        runner.register_message(SEALED, lambda msg, **_: self._open(msg))

    def has_admitted(self, worker: str) -> bool | None:
        """Return whether a worker knows the secret; None: that is not decided yet."""
        return worker in self.admitted or (False if worker in self.refused else None)

    def send(self, worker: str, run: str, kind: str, content: Any = None) -> None:
        """Send an admitted worker something; one that is gone gets nothing."""
        seal = self._seals.get(worker)
        if seal is not None:
            self._runner.send_message(SEALED, seal.sealed(run, kind, content), worker)

    def _greet(self, message: Message) -> None:
        worker, data = message.node_id, message.data
        if not isinstance(data, Mapping) or worker in self._seals:
            return
        if data.get("step") == _HELLO and _is_nonce(data.get("nonce")):
            self._challenge(worker, data["nonce"])
        elif data.get("step") == _JOIN and worker in self._greeted:
            self._admit(worker, data)

    def _challenge(self, worker: str, theirs: bytes) -> None:
        greeted = self._greeted.get(worker)
        if greeted is None or greeted.theirs != theirs:
            while len(self._greeted) >= _MOST_GREETED:
                del self._greeted[next(iter(self._greeted))]
            greeted = self._greeted[worker] = _Greeted(theirs, secrets.token_bytes(NONCE_BYTES))
        shown = proof(self._secret, MASTER, worker, *greeted)
        answer = {"step": _CHALLENGE, "nonce": greeted.ours, "proof": shown}
        self._runner.send_message(GREETING, answer, worker)

    def _admit(self, worker: str, data: Mapping[str, Any]) -> None:
        greeted, about = self._greeted.pop(worker), data.get("about")
        if not isinstance(about, bytes) or not is_proven(
            data.get("proof"), self._secret, WORKER, worker, *greeted, about
        ):
            self._refuse(worker, "its secret is not this master's")
            return
        told = msgspec.msgpack.decode(about, type=About)
        if told.version != _version():
            self._refuse(
                worker,
                f"it has version {visible_line(told.version)} of Dress Rehearsal, "
                f"and this master {_version()}",
            )
            return
        self.admitted[worker] = About(
            visible_line(told.host)[:_LONGEST_HOST], told.pid, told.version
        )
        self._seals[worker] = Seal(self._secret, MASTER, (worker, *greeted))
        self.send(worker, "", _WELCOME)

    def _refuse(self, worker: str, why: str) -> None:
        self.refused.add(worker)
        self._runner.send_message(GREETING, {"step": _REFUSED, "why": why}, worker)
        self._runner.send_message("quit", None, worker)
        # Locust counts it no more among those that are ready, or could be the last to go.
        self._runner.clients.pop(worker, None)
        self._say(f"A worker on {_host_of(worker)} is refused: {why}.")

    def _open(self, message: Message) -> None:
        worker = message.node_id
        try:
            run, kind, content = opened(self._seals.get(worker), message.data)
        except BrokenSealError as error:
            if worker not in self._complained:
                self._complained.add(worker)
                whose = f"a worker on {_host_of(worker)}"
                self._say(f"A message in the name of {whose} is not heeded: {error}.")
            return
        self._take(worker, run, kind, content)


class WorkerChannel:
    """A worker's side: it obeys a master that knows the secret, and no other.

    Args:
        take: gets what the master says: run, kind, content.
        refused: is told, in a sentence, why the worker takes part in nothing.
    """

    def __init__(
        self,
        runner: "WorkerRunner",
        secret: bytes,
        take: Callable[[str, str, Any], None],
        refused: Callable[[str], None],
    ) -> None:
        self.decided = Event()
        """Set once the worker is admitted, or never will be."""
        self._runner, self._secret, self._take, self._refused = runner, secret, take, refused
        self._ours = secrets.token_bytes(NONCE_BYTES)
        self._awaited: Seal | None = None
        self._seal: Seal | None = None
        self._complained = False
        runner.register_message(GREETING, lambda msg, **_: self._greet(msg.data))
        runner.register_message(SEALED, lambda msg, **_: self._open(msg.data))
        self._knocking = gevent.spawn(self._knock)

    @property
    def is_admitted(self) -> bool:
        """Whether master and worker know each other."""
        return self._seal is not None

    def send(self, run: str, kind: str, content: Any = None) -> None:
        """Send the master something; before it is known it hears nothing."""
        if self._seal is not None:
            self._runner.send_message(SEALED, self._seal.sealed(run, kind, content))

    def _knock(self) -> None:
        """Say hello until it is decided: the master may not have been listening yet."""
        while not self.decided.is_set():
            self._runner.send_message(GREETING, {"step": _HELLO, "nonce": self._ours})
            self.decided.wait(_AGAIN_S)

    def _greet(self, data: object) -> None:
        if not isinstance(data, Mapping) or self.decided.is_set():
            return
        if data.get("step") == _CHALLENGE and _is_nonce(data.get("nonce")):
            self._join(data["nonce"], data.get("proof"))
        elif data.get("step") == _REFUSED:
            why = visible_line(str(data.get("why")))[:_LONGEST_WHY]
            self._refuse(f"The master refuses this worker: {why}.")

    def _join(self, theirs: bytes, shown: object) -> None:
        worker = self._runner.client_id
        about = msgspec.msgpack.encode(About(socket.gethostname(), os.getpid(), _version()))
        own = proof(self._secret, WORKER, worker, self._ours, theirs, about)
        # Also where the master proved nothing: it says so then on its side, too.
        self._runner.send_message(GREETING, {"step": _JOIN, "about": about, "proof": own})
        if is_proven(shown, self._secret, MASTER, worker, self._ours, theirs):
            self._awaited = Seal(self._secret, WORKER, (worker, self._ours, theirs))
        else:
            self._refuse(
                f"Whoever answers there does not know this worker's secret, so it is not obeyed: "
                f"{VARIABLE} or {FILE_VARIABLE} has to say the same on both machines."
            )

    def _refuse(self, why: str) -> None:
        _LOG.error("%s", why)
        self._refused(why)
        self.decided.set()

    def _open(self, data: object) -> None:
        seal = self._seal or self._awaited
        try:
            run, kind, content = opened(seal, data)
        except BrokenSealError as error:
            if not self._complained:
                self._complained = True
                _LOG.warning("A message in the master's name is not heeded: %s.", error)
            return
        if kind == _WELCOME and seal is not None:
            self._seal, self._awaited = seal, None
            self.decided.set()
        elif self.is_admitted:
            self._take(run, kind, content)


def _host_of(worker: str) -> str:
    """Return the host in an id of Locust's, which nobody has proved."""
    return visible_line(worker.partition("_")[0])[:_LONGEST_HOST]


def _version() -> str:
    try:
        return version("dress-rehearsal")
    except PackageNotFoundError:
        return "unknown"


def _is_nonce(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == NONCE_BYTES
