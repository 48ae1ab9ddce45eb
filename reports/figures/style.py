"""The figures' own style: matplotlib as it comes, and what `matplotlibrc` beside this file says.

matplotlib reads settings while it is imported, from the first `matplotlibrc` it finds: in the
working folder, where `MATPLOTLIBRC` points to, or among the user's own. One that cannot be read
ends the import. So it is imported here, by whoever draws, where ours is the first. The user's fonts
stay outside too: those that come with matplotlib are the only ones, so text has the same outlines
on every machine.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).parent
_SETTINGS: Final = _FOLDER / "matplotlibrc"


def _imported() -> Any:
    """Import matplotlib from a folder where it finds our settings."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it remarks on where its cache is
    here = os.open(".", getattr(os, "O_PATH", os.O_RDONLY))
    try:
        os.chdir(_FOLDER)
        import matplotlib as mpl
    finally:
        os.fchdir(here)
        os.close(here)
    from matplotlib.font_manager import fontManager

    fontManager.ttflist.clear()
    for font in sorted(Path(mpl.get_data_path(), "fonts", "ttf").glob("DejaVu*.ttf")):
        fontManager.addfont(font)
    return mpl


_MPL: Final = _imported()


@contextmanager
def own_style(**settings: Any) -> Iterator[None]:
    """Draw in the figures' style and with these settings, `svg_hashsalt` for `svg.hashsalt`."""
    with _MPL.rc_context(
        {name.replace("_", "."): value for name, value in settings.items()}, fname=_SETTINGS
    ):
        yield
