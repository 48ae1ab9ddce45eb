"""Files on their way from a worker to the master, in pieces that are acknowledged one by one.

Locust's connection takes what it is given and holds nobody back: what the master has not read yet
piles up, and after some thousand messages is lost. So a worker has no more than eight pieces under
way at a time.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from gevent.lock import BoundedSemaphore

from dress_rehearsal.records import RecordError

PIECE_BYTES: Final = 2**20 - 2**12
"""With what is around it a piece is a message of at most 1 MiB."""
UNDER_WAY: Final = 8
"""Pieces of a worker that the master has not acknowledged, at most."""
_TAKEN_WITHIN_S: Final = 60.0


class Piece(NamedTuple):
    """A part of a file: the place of it, of how many, and what it holds."""

    name: str
    place: int
    of: int
    content: bytes


class Sender:
    """Sends files; waits where too much is under way.

    Args:
        send: sends a piece.
    """

    def __init__(self, send: Callable[[Piece], None]) -> None:
        self._send = send
        self._room = BoundedSemaphore(UNDER_WAY)

    def file(self, name: str, content: bytes) -> None:
        """Send a file; returns when its last piece is on the way.

        Raises:
            RecordError: the master has acknowledged nothing for a minute.
        """
        of = max(-(-len(content) // PIECE_BYTES), 1)
        for place in range(of):
            self._wait_for_room()
            begin = place * PIECE_BYTES
            self._send(Piece(name, place, of, content[begin : begin + PIECE_BYTES]))

    def acknowledged(self) -> None:
        """Take in that the master has got a piece."""
        if self._room.counter < UNDER_WAY:
            self._room.release()

    def _wait_for_room(self) -> None:
        if not self._room.acquire(timeout=_TAKEN_WITHIN_S):
            raise RecordError(
                f"The master has taken nothing for {_TAKEN_WITHIN_S:.0f} s, so what is recorded "
                f"can no longer be sent to it."
            )


class Receiver:
    """Puts a worker's files together again."""

    def __init__(self) -> None:
        self._pieces: dict[str, list[bytes]] = {}

    def file(self, sent: Any) -> tuple[str, bytes] | None:
        """Return a file, by name and content, with the last of its pieces; None before.

        Raises:
            ValueError: a piece is missing, or it is none.
        """
        piece = Piece(*sent)
        pieces = self._pieces.setdefault(piece.name, [])
        if piece.place == 0:
            pieces.clear()  # what was cut short comes again from its beginning
        if piece.place != len(pieces) or piece.place >= piece.of:
            del self._pieces[piece.name]
            raise ValueError(f"{piece.name}: piece {piece.place} of {piece.of} is not the next")
        pieces.append(piece.content)
        if len(pieces) < piece.of:
            return None
        del self._pieces[piece.name]
        return piece.name, b"".join(pieces)
