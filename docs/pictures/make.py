"""Make the README's pictures from a real run: the report's first screen, and one of its figures.

    make pictures RUN=runs/20261120T…-festival-…

The run is judged again first, so that the pictures show the report as it is now. They are written
beside this file: `first-screen.png` by a browser (chromium) at 1280 by 800, `rush.png` as the
report has it.
"""

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.errors import RecordError
from dress_rehearsal.reports.report import write_report

_HERE: Final = Path(__file__).parent
_BROWSERS: Final = ("chromium", "google-chrome")
_SCREEN: Final = (1280, 800)
_LARGEST_BYTES: Final = 200_000
_COLOURS: Final = 128
_WITHIN_S: Final = 60


def main(arguments: list[str], folder: Path = _HERE) -> int:
    """Make both pictures; return the exit code: 2 where there is no run or no browser."""
    try:
        if len(arguments) != 1:
            return _refused("Name one run: make pictures RUN=runs/20261120T…-festival-…")
        run = RunDirectory(Path(arguments[0]).resolve())
        write_report(run)
    except RecordError as error:
        return _refused(str(error))
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        return _refused("The first screen is drawn by a browser: install chromium.")
    _keep(folder / "first-screen.png", _first_screen(browser, run.path / "report.html"))
    _keep(folder / "rush.png", (run.figures / "arrivals.png").read_bytes())
    return 0


def _first_screen(browser: str, page: Path) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        picture = Path(scratch) / "screen.png"
        subprocess.run(
            [
                browser,
                *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                f"--user-data-dir={scratch}/profile",
                f"--window-size={_SCREEN[0]},{_SCREEN[1]}",
                f"--screenshot={picture}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=_WITHIN_S,
        )
        return picture.read_bytes()


def _keep(path: Path, picture: bytes) -> None:
    """Write a picture in few colours: it is of text and flat shapes."""
    small = io.BytesIO()
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(_COLOURS)
    image.save(small, "PNG", optimize=True)
    kept = min(small.getvalue(), picture, key=len)
    if len(kept) > _LARGEST_BYTES:
        raise SystemExit(f"{path.name} is {len(kept):,} bytes, more than {_LARGEST_BYTES:,}.")
    path.write_bytes(kept)
    sys.stdout.write(f"{path} ({len(kept):,} bytes)\n")


def _refused(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
