"""How much of an answer is read and kept, whoever sends it: what a student costs in memory."""

from typing import Final

LARGEST_HEAD: Final = 65_536
"""Bytes of an answer that are not its body: its head, interim answers, what frames its chunks."""
FRAMING: Final = 16
"""Bytes of framing that each byte of a body may bring beside: a heartbeat in a chunk of its own
has some."""
LARGEST_BODY: Final = 8 * 1024 * 1024
"""Bytes of a body; whoever sends more is hung up on."""
KEPT_BODY: Final = 131_072
"""Bytes up to which a body is kept to be looked into; of a larger one only the beginning is."""
BEGINNING: Final = 512
"""Bytes that tell what kind of a body it is."""
LARGEST_EVENT: Final = 65_536
"""Bytes of a server-sent event, and of a line of one."""
LONGEST_ID: Final = 1024
"""Bytes of an event's id, which goes back in a header."""
LONGEST_RETRY_MS: Final = 3_600_000
LONGEST_TIMING: Final = 4096
"""Bytes of a `Server-Timing` that is kept."""
