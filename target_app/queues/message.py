"""The message that tells of one grant: sent by strategies with a queue, read by the write-back."""

import msgspec

ACCEPTED_S = 1.0
"""Where a message was accepted that soon after its grant was asked for, its student is told of it
whatever became of Redis: for that long the queue has to be empty before an empty Redis is restored.
"""


class GrantMessage(msgspec.Struct):
    """One grant, with all that its row needs."""

    ticket: str
    student: str
    number: int
    granted_ns: int
    idempotency: str
    epoch: int | None = None  # that Redis was of when it granted


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(GrantMessage)


def write_message(grant: GrantMessage) -> str:
    """Return the body of a message."""
    return _ENCODER.encode(grant).decode()


def read_message(body: str) -> GrantMessage:
    """Return the grant in a message. Raises `msgspec.DecodeError` where there is none."""
    return _DECODER.decode(body)
