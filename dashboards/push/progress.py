"""The course of a push: what is in place, what is not, and what to say when it fails."""

from dataclasses import dataclass, field
from typing import Final

from dress_rehearsal.dashboards.push.client import Answer

_SAME: Final = frozenset({"unchanged", "there already", "not looked for"})


@dataclass(slots=True)
class Course:
    """How far a push has come.

    Attributes:
        planned: its parts, such as `folder dress-rehearsal`, in their order.
        outcomes: what became of the parts that are finished.
        partly: what was done of the part under way.
        notes: sentences on what the user should know besides.
    """

    planned: list[str]
    outcomes: dict[str, str] = field(default_factory=dict)
    partly: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def told(self, *, undecided: bool) -> str:
        """Say what was done and what was not."""
        left = [part for part in self.planned if part not in self.outcomes]
        done = [
            f"{part} {outcome}"
            for part, outcome in (*self.outcomes.items(), *self.partly.items())
            if outcome not in _SAME
        ]
        said = []
        if undecided and left:
            said.append(f"Whether the last request, for {left[0]}, took effect is not known.")
        if done:
            said.append(f"Changed before that: {'; '.join(done)}.")
        elif not undecided:
            said.append("Nothing was changed in Grafana.")
        if (done or undecided) and left:
            said.append(f"Not done: {'; '.join(left)}. Push again once it is put right.")
        return " ".join(said)


def said(answer: Answer) -> str:
    """Return Grafana's own words, if it had any, to end a message with."""
    return f" Grafana says: {answer.words}" if answer.words else ""
