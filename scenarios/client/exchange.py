"""An exchange: what one request went through, and the times at which its answer came."""

from dress_rehearsal.scenarios.client.http import Answer
from dress_rehearsal.scenarios.errors import NotAnsweredError


class Exchange:
    """What one request went through; times in ns since the epoch, None where not reached.

    One is made for every request: what is not reached costs nothing.
    """

    intended_ns: int = 0
    """When it was meant to be sent; 0: nobody knows."""
    sent_ns: int | None = None
    """First packet: the request's on an open connection, else the connection's own (SYN)."""
    first_byte_ns: int | None = None
    done_ns: int | None = None
    read_ns: int | None = None
    connect_us: int | None = None
    new_connection: bool = False
    bytes_read: int = 0
    """Of the answer, head and body, as far as it came."""
    answer: Answer | None = None
    error: str | None = None
    is_counted: bool = False
    """Whether the recorder has counted it as sent."""

    def take_in(self, data: bytes, at_ns: int, answer: Answer) -> None:
        """Take in bytes of an answer that came at a time (Unix ns).

        Raises:
            NotUnderstoodError: they are not HTTP/1.1, or more than anybody takes in.
        """
        self.bytes_read += len(data)
        self.done_ns = at_ns
        if self.first_byte_ns is None:
            self.first_byte_ns = at_ns
        answer.feed(data)

    def end(self, answer: Answer) -> None:
        """Take in that the far end sends nothing more: only now is such an answer known to be
        whole.

        Raises:
            NotAnsweredError: it is not.
        """
        if not answer.end():
            raise NotAnsweredError("connection_lost")
        self.done_ns = self.read_ns
