"""The page a dashboard is drawn on: boxes in pixels from its upper left corner, and words."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.transforms import Affine2D

from dress_rehearsal.dashboards.preview_palette import FAINT, INK, PAGE

_DPI: Final = 144
_PX_PER_INCH: Final = 100
_FAMILY: Final = "DejaVu Sans"
_POINTS_PER_PX: Final = 72 / _PX_PER_INCH
ELLIPSIS: Final = "…"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the page; `x` and `y` are of its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Where it ends below."""
        return self.y + self.height

    def inset(self, by: float) -> "Box":
        """Return the box within, so far from every edge."""
        return Box(self.x + by, self.y + by, self.width - 2 * by, self.height - 2 * by)

    def without(self, *, top: float = 0, bottom: float = 0, left: float = 0) -> "Box":
        """Return what is left of it when so much is cut off."""
        return Box(self.x + left, self.y + top, self.width - left, self.height - top - bottom)


class Page:
    """A picture that is drawn on in pixels.

    Args:
        width: in pixels of a screen; the file has more, so that it stays sharp on paper.
    """

    def __init__(self, width: float, height: float) -> None:
        self.box = Box(0, 0, width, height)
        self._figure = Figure(
            figsize=(width / _PX_PER_INCH, height / _PX_PER_INCH), dpi=_DPI, facecolor=PAGE
        )
        self._canvas = FigureCanvasAgg(self._figure)

    def save(self, path: Path) -> None:
        """Write it as a PNG file."""
        self._figure.savefig(path, format="png", dpi=_DPI, facecolor=PAGE)

    def axes(self, box: Box) -> Any:
        """Return axes whose frame is the box."""
        page = self.box
        return self._figure.add_axes(
            (
                box.x / page.width,
                1 - box.bottom / page.height,
                box.width / page.width,
                box.height / page.height,
            )
        )

    def card(self, box: Box, fill: str, edge: str = FAINT) -> None:
        """Draw a panel's ground."""
        self._figure.add_artist(
            FancyBboxPatch(
                (box.x, self.box.height - box.bottom),
                box.width,
                box.height,
                boxstyle="round,pad=0,rounding_size=3",
                facecolor=fill,
                edgecolor=edge,
                linewidth=0.7,
                zorder=-1,  # below the axes that are put on it
                transform=self._pixels(),
            )
        )

    def bar(self, box: Box, fill: str) -> None:
        """Draw a rectangle without an edge."""
        self._figure.add_artist(
            Rectangle(
                (box.x, self.box.height - box.bottom),
                box.width,
                box.height,
                facecolor=fill,
                linewidth=0,
                transform=self._pixels(),
            )
        )

    def stroke(
        self, x: float, y: float, to_x: float, to_y: float, colour: str, width: float = 1.0
    ) -> None:
        """Draw a straight line."""
        height = self.box.height
        self._figure.add_artist(
            Line2D(
                [x, to_x],
                [height - y, height - to_y],
                color=colour,
                linewidth=width * _POINTS_PER_PX,
                transform=self._pixels(),
            )
        )

    def write(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 12,
        colour: str = INK,
        bold: bool = False,
        italic: bool = False,
        align: Literal["left", "center", "right"] = "left",
        within: float | None = None,
    ) -> None:
        """Write one line, centred on `y`.

        Args:
            within: cut with an ellipsis what is wider than this.
        """
        if within is not None:
            text = self.cut(text, within, size, bold=bold)
        self._figure.text(
            x,
            self.box.height - y,
            text,
            transform=self._pixels(),
            fontproperties=_font(size, bold=bold, italic=italic),
            color=colour,
            ha=align,
            va="center_baseline",
            parse_math=False,
        )

    def width_of(self, text: str, size: float = 12, *, bold: bool = False) -> float:
        """Measure a line."""
        renderer: Any = self._canvas.get_renderer()  # type: ignore[no-untyped-call]
        width, _, _ = renderer.get_text_width_height_descent(
            text, _font(size, bold=bold), ismath=False
        )
        return float(width) * _PX_PER_INCH / _DPI

    def cut(self, text: str, width: float, size: float = 12, *, bold: bool = False) -> str:
        """Cut a line so that it fits."""
        if self.width_of(text, size, bold=bold) <= width:
            return text
        while text and self.width_of(text + ELLIPSIS, size, bold=bold) > width:
            text = text[:-1]
        return text.rstrip() + ELLIPSIS

    def _pixels(self) -> Any:
        return Affine2D().scale(1 / _PX_PER_INCH) + self._figure.dpi_scale_trans


def points(pixels: float) -> float:
    """Return a length as matplotlib takes it."""
    return pixels * _POINTS_PER_PX


def _font(size: float, *, bold: bool = False, italic: bool = False) -> FontProperties:
    return FontProperties(
        family=_FAMILY,
        size=size * _POINTS_PER_PX,
        weight="bold" if bold else "normal",
        style="italic" if italic else "normal",
    )
