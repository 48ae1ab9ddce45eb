"""Turns a matplotlib figure into SVG text that is the same on every repetition."""

import io
import json
import re
from functools import lru_cache
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from dress_rehearsal.plans.visible import visible
from dress_rehearsal.reports.figures.palette import COLOURS
from dress_rehearsal.reports.figures.panel import FAMILY
from dress_rehearsal.reports.figures.style import own_style

_COMMENT = re.compile(r"\s*<!--.*?-->", re.DOTALL)
_ROOT = re.compile(r"<svg\b[^>]*>")
_IDENTITY = re.compile(r'(\bid="|href="#|url\(#)')
_BREAK = re.compile(r"\s*\n\s*")
_GEOMETRY = re.compile(r'\b(?:d|x|y)="[^"]*"|translate\([^)]*\)')
_DIGITS = re.compile(r"(\.\d)\d+")
_COLOUR = re.compile("|".join(COLOURS))


class Svg(NamedTuple):
    """A drawn figure.

    `file` stands alone, with its title in it; `element` belongs into an HTML page whose own
    heading is the title, so it is cropped below the drawn one.
    """

    file: str
    element: str


class Times(NamedTuple):
    """A figure's axes of time, for a page that points at a moment on all of them.

    `axes`: of each left, right, top and bottom in points, and from when to when it reaches in
    seconds from `zero`, which is how people call that instant.
    """

    axes: tuple[tuple[float, ...], ...]
    zero: str


@lru_cache(maxsize=4096)
def text_width_pt(text: str, size_pt: float, bold: bool = False) -> float:
    """Measure a line of text in the figures' font."""
    font = FontProperties(family=FAMILY, weight="bold" if bold else "normal", size=size_pt)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width)


def wrapped(text: str, width_pt: float, size_pt: float, *, bold: bool = False) -> list[str]:
    """Break text between words into lines no wider than `width_pt`."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width_pt(longer, size_pt, bold) <= width_pt:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def save_svg(
    figure: Figure,
    *,
    key: str,
    title: str,
    description: str,
    title_height_pt: float,
    times: Times | None = None,
) -> Svg:
    """Return a figure as SVG.

    Args:
        key: unique among the figures of a page; it prefixes every id.
        title_height_pt: height of the strip at the top that holds the drawn title.
        times: its axes of time, where it has any.
    """
    text = io.StringIO()
    with own_style(svg_hashsalt=key):
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(
            text, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    body = _COMMENT.sub("", text.getvalue())
    body = body[body.index("<svg") :]
    body = _IDENTITY.sub(lambda match: f"{match[1]}{key}-", body)
    inner = _compact(_ROOT.sub("", body, count=1).strip())
    width, height = (72 * float(inches) for inches in figure.get_size_inches())
    return Svg(
        file=visible(
            '<?xml version="1.0" encoding="utf-8"?>\n'
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'width="{width:g}pt" height="{height:g}pt" viewBox="0 0 {width:g} {height:g}" '
            f'version="1.1" role="img">\n<title>{escape(title)}</title>\n'
            f"<desc>{escape(description)}</desc>\n{inner}\n"
        ),
        element=visible(
            f'<svg viewBox="0 {title_height_pt:g} {width:g} {height - title_height_pt:g}" '
            f'role="img" aria-label={quoteattr(f"{title}. {description}")}{_timed(times)}>\n'
            + _COLOUR.sub(lambda m: f"var(--figure-{COLOURS[m[0]]}, {m[0]})", inner).replace(
                "xlink:href", "href"
            )
        ),
    )


def _timed(times: Times | None) -> str:
    """Return the attributes by which the page's script finds the axes of time."""
    if times is None:
        return ""
    axes = [[round(number, 3) for number in axis] for axis in times.axes]
    return f' data-axes="{json.dumps(axes, separators=(",", ":"))}" data-zero="{times.zero}"'


def save_png(figure: Figure, dots_per_inch: float) -> bytes:
    """Return a figure as PNG: the same bytes on every repetition."""
    picture = io.BytesIO()
    with own_style():
        canvas: Any = FigureCanvasAgg(figure)
        figure.set_dpi(dots_per_inch)
        canvas.print_png(picture, metadata={"Software": None})
    return picture.getvalue()


def _compact(text: str) -> str:
    """Cut what nobody sees: line breaks, and coordinates finer than a tenth of a point."""
    text = _BREAK.sub("", text).replace(FAMILY.replace(" ", ""), "g")
    return _GEOMETRY.sub(lambda match: _DIGITS.sub(r"\1", match[0]), text)
