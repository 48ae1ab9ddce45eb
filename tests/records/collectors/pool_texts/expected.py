"""What a preset is expected to read in an exposition text."""

from dataclasses import dataclass

Fields = dict[str, float]


@dataclass(frozen=True)
class Expected:
    """A text, the preset that reads it, and the numbers of each pool (times in seconds)."""

    id: str
    preset: str
    text: str
    pools: dict[str, Fields]
