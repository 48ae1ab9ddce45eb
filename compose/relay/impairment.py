"""What is done to what passes a relay: a delay, and loss as TCP makes it felt."""

import random
from dataclasses import dataclass, field
from typing import Final

SEGMENT_BYTES: Final = 1448
"""What one packet carries over Ethernet, with the options that Linux sends."""
RETRANSMIT_S: Final = 0.2
"""How long Linux waits at least before it sends a packet again; twice as long each time after."""
HANDSHAKE_RETRANSMIT_S: Final = 1.0
"""The same while a connection is made (RFC 6298)."""


@dataclass(slots=True)
class Impairment:
    """How the way through a relay is now; changed while it works.

    Attributes:
        latency_s: what a round trip takes longer: half of it each way.
        jitter_s: by how much a round trip varies at most, up or down; each way by half of that,
            each value as likely as any other.
        loss: the share of packets that are lost, of each way.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    chance: random.Random = field(default_factory=random.Random)

    @property
    def is_off(self) -> bool:
        """Whether all passes as it comes."""
        return not (self.latency_s or self.jitter_s or self.loss)

    def one_way_s(self) -> float:
        """Return what the next bytes are under way longer, in one direction."""
        if not self.jitter_s:
            return self.latency_s / 2
        return max(0.0, self.latency_s + self.jitter_s * self.chance.uniform(-1.0, 1.0)) / 2

    def round_trip_s(self) -> float:
        """Return what the next round trip takes longer."""
        return self.one_way_s() + self.one_way_s()

    def loses(self, size: int = 1) -> bool:
        """Return whether one of the packets that so many bytes take is lost."""
        if not self.loss:
            return False
        packets = -(-size // SEGMENT_BYTES)
        return self.chance.random() >= (1.0 - self.loss) ** packets
