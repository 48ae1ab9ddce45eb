"""The poster: a figure drawn freely, text and boxes below a title that wraps, without axes."""

from typing import Any, Final

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reports.figures.panel import FAMILY
from reports.figures.style import INK, PAPER
from reports.figures.svg_text import Svg, save_svg, wrapped

WIDTH_PT: Final = 760.0
FONT_PT: Final = 9.5
LINE: Final = 1.35
"""Line height over font size."""
_TITLE_PT: Final = FONT_PT * 1.25


class Poster:
    """Draws in points from the top left corner; what stands below the title starts at `top_pt`.

    Args:
        body_pt: height of what is drawn below the title.
    """

    def __init__(self, title: str, body_pt: float) -> None:
        lines = wrapped(title, WIDTH_PT - 16, _TITLE_PT, bold=True)
        self.top_pt = len(lines) * _TITLE_PT * LINE + FONT_PT
        self._title = title
        self._height_pt = self.top_pt + body_pt
        self._figure = Figure(figsize=(WIDTH_PT / 72, self._height_pt / 72), facecolor=PAPER)
        for number, line in enumerate(lines):
            y = FONT_PT * 0.6 + (number + 0.8) * _TITLE_PT * LINE
            self.write(8, y, line, bold=True, fontsize=_TITLE_PT)

    def write(
        self,
        x_pt: float,
        y_pt: float,
        text: str,
        *,
        bold: bool = False,
        colour: str = INK,
        **style: Any,
    ) -> None:
        """Write one line; `style` is matplotlib's, such as `ha` and `rotation`."""
        looks = {
            "fontsize": FONT_PT,
            "fontfamily": FAMILY,
            "fontweight": "bold" if bold else "normal",
            "color": colour,
            "parse_math": False,
            **style,
        }
        self._figure.text(x_pt / WIDTH_PT, 1 - y_pt / self._height_pt, text, **looks)

    def box(
        self, x_pt: float, y_pt: float, wide_pt: float, high_pt: float, colour: str, **style: Any
    ) -> None:
        """Fill a box, without an edge unless `style`, which is matplotlib's, has one."""
        self._figure.add_artist(
            Rectangle(
                (x_pt / WIDTH_PT, 1 - (y_pt + high_pt) / self._height_pt),
                wide_pt / WIDTH_PT,
                high_pt / self._height_pt,
                transform=self._figure.transFigure,
                facecolor=colour,
                **{"linewidth": 0, **style},
            )
        )

    def svg(self, key: str, description: str) -> Svg:
        """Give what was drawn; `key` is unique among the figures of a page."""
        return save_svg(
            self._figure,
            key=key,
            title=self._title,
            description=description,
            title_height_pt=self.top_pt,
        )
