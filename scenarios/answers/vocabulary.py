"""Words that a target says, kept as the words of a column: at most so many of them a run.

A column of words holds each once and counts in them; whoever makes up a word an answer would make
it grow without end, and past what its codes can count.
"""

from dress_rehearsal.records.tables import MOST_WORDS


class Vocabulary:
    """The words of one column, in the order in which they were first met."""

    def __init__(self) -> None:
        self.words: dict[str, int] = {}
        """Each word's place, from 0."""

    def has_room_for(self, word: str) -> bool:
        """Return whether a word is among them, or can be."""
        return word in self.words or len(self.words) < MOST_WORDS

    def code(self, word: str) -> int:
        """Return a word's place; a new one gets the next."""
        return self.words.setdefault(word, len(self.words))

    def keep(self, said: list[str | None]) -> tuple[list[str | None], int]:
        """Return words as far as there is room for them, None for the rest, and how many those are.

        Args:
            said: words or None.
        """
        new = [word for word in set(said) if word is not None and word not in self.words]
        if len(self.words) + len(new) <= MOST_WORDS:
            for word in new:
                self.code(word)
            return said, 0
        kept: list[str | None] = []
        for one in said:
            if one is not None and self.has_room_for(one):
                self.code(one)
                kept.append(one)
            else:
                kept.append(None)
        return kept, kept.count(None) - said.count(None)
