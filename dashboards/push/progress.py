"""How far a push has come, and what to say of it when it fails half-way."""

from dataclasses import dataclass, field
from typing import Final

_SAME: Final = frozenset({"unchanged", "there already", "not looked for"})


@dataclass(slots=True)
class Progress:
    """What of a push is in place.

    Attributes:
        planned: its parts, such as `folder dress-rehearsal`, in their order.
        url: where to look at it once it is all there.
        outcomes: what became of the parts that are finished, such as `created`.
        notes: sentences on what the user should know besides.
    """

    planned: list[str]
    url: str
    outcomes: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def in_words(self, *, undecided: bool) -> str:
        """Return what was done and what was not, in sentences.

        Args:
            undecided: whether the last request may have taken effect or not.
        """
        left = [part for part in self.planned if part not in self.outcomes]
        done = [f"{part} {how}" for part, how in self.outcomes.items() if how not in _SAME]
        sentences = []
        if undecided and left:
            sentences.append(f"Whether the last request, for {left[0]}, took effect is not known.")
        if done:
            sentences.append(f"Changed before that: {'; '.join(done)}.")
        elif not undecided:
            sentences.append("Nothing was changed in Grafana.")
        if (done or undecided) and left:
            sentences.append(f"Not done: {'; '.join(left)}. Push again once it is put right.")
        return " ".join(sentences)
