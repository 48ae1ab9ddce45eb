"""A figure as the report needs it: a finding in words, a way to read it, and its picture."""

from dataclasses import dataclass

from dress_rehearsal.reports.figures.svg import Svg


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure that could be drawn.

    Attributes:
        name: file name without suffix, and anchor on the page.
        heading: what the figure is about, in two or three words.
        title: the finding, computed from the data, as one sentence without its full stop.
        caption: how to read it, and what is left out.
        wide: for screens and paper; narrow: for telephones.
        png: the wide one for where no SVG is shown, such as a chat; only of the figure that tells
            the story.
    """

    name: str
    heading: str
    title: str
    caption: str
    wide: Svg
    narrow: Svg
    png: bytes | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """A figure that could not be drawn, and why."""

    name: str
    heading: str
    reason: str
