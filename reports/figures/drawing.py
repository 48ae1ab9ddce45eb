"""A figure as the report needs it: a finding in words, a way to read it, and its picture."""

from collections.abc import Callable
from dataclasses import dataclass

from dress_rehearsal.reports.figures.layout import Sheet
from dress_rehearsal.reports.figures.palette import NARROW, WIDE
from dress_rehearsal.reports.figures.style import own_style
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


@own_style()
def drawn(
    name: str,
    heading: str,
    title: str,
    caption: str,
    x_label: str,
    draw: Callable[[Sheet], None],
    *,
    png: bool = False,
) -> Drawing:
    """Return a figure in both forms; `draw` puts its panels on the sheet of one.

    Args:
        png: it tells the story, so it is wanted where no SVG is shown too.
    """
    wide, narrow = (Sheet(form, title, x_label) for form in (WIDE, NARROW))
    for sheet in (wide, narrow):
        draw(sheet)
    pictures = (wide.svg(name, caption), narrow.svg(name, caption))
    return Drawing(name, heading, title, caption, *pictures, wide.png() if png else None)
