"""The trace ids of a run's requests: what a log line of the server has in common with each."""

import hashlib
from binascii import hexlify
from typing import Final

_RUN_ID_HEX_DIGITS: Final = 16


class TraceIds:
    """W3C trace ids: 8 bytes of the run, then the student and the student's request number."""

    def __init__(self, run: str) -> None:
        self.run = hashlib.sha256(run.encode()).hexdigest()[:_RUN_ID_HEX_DIGITS]
        self._begin = b"00-" + self.run.encode()

    def traceparent(self, student: int, seq: int) -> bytes:
        """Return the `traceparent` header of one request; its span id is never zero."""
        request = hexlify((student + 1 << 32 | seq).to_bytes(8))
        return b"%b%b-%b-01" % (self._begin, request, request)

    def trace_id(self, student: int, seq: int) -> str:
        """Return the trace id of one request as that header has it: 32 hex digits."""
        return f"{self.run}{student + 1:08x}{seq:08x}"
