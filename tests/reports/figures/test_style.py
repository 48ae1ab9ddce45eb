"""Figures are drawn in their own style, whatever matplotlib finds lying about."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.servers

DRAW = """
from dress_rehearsal.reports.figures.heat_map import MatrixCell, draw_heat_map
from dress_rehearsal.reports.figures.comparison import Bars, draw_comparison
import hashlib, sys
cells = [MatrixCell("redis_writeback", "leak", "caught"), MatrixCell("naive", "none", "clean")]
bars = Bars("p99 (ms)", [1.5, 30.0], str)
drawn = draw_heat_map(cells).file + draw_comparison(["one", "two"], [bars]).file
sys.stdout.write(hashlib.sha256(drawn.encode()).hexdigest())
"""


def picture(folder: Path, **variables: str) -> str:
    """Draw in a process of its own, started in `folder`; return what identifies the bytes."""
    done = subprocess.run(
        [sys.executable, "-c", DRAW],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The pictures on a machine with nothing of matplotlib's on it."""
    return picture(tmp_path_factory.mktemp("nothing"))


def test_the_pictures_are_drawn_at_all(usual: str) -> None:
    assert len(usual) == hashlib.sha256().digest_size * 2


@pytest.mark.parametrize(
    "settings",
    [
        b"font.size: 30\nfont.family: monospace\nsvg.fonttype: none\naxes.grid: True\n",
        b"lines.linewidth: 9\naxes.facecolor: red\npath.sketch: 5, 10, 2\ntext.usetex: True\n",
        b"backend: no_such_thing\nfont.size: very\nwithout a colon\n",
        b"\xff\xfe\x00 not text",
    ],
    ids=["other", "loud", "wrong", "binary"],
)
@pytest.mark.parametrize("place", ["working folder", "MATPLOTLIBRC", "home"])
def test_a_matplotlibrc_changes_no_picture(
    tmp_path: Path, usual: str, settings: bytes, place: str
) -> None:
    if place == "home":
        folder = tmp_path / ".config" / "matplotlib"
        folder.mkdir(parents=True)
    else:
        folder = tmp_path if place == "working folder" else tmp_path / "elsewhere"
        folder.mkdir(exist_ok=True)
    (folder / "matplotlibrc").write_bytes(settings)
    variables = {"MATPLOTLIBRC": str(folder)} if place == "MATPLOTLIBRC" else {}
    assert picture(tmp_path, **variables) == usual


def test_a_matplotlibrc_that_may_not_be_read_changes_no_picture(tmp_path: Path, usual: str) -> None:
    (tmp_path / "matplotlibrc").symlink_to("/proc/self/mem")  # cannot be read, by root either
    assert picture(tmp_path) == usual


def test_fonts_of_the_machine_change_no_picture(tmp_path: Path, usual: str) -> None:
    cache = tmp_path / "config"
    cache.mkdir()
    assert picture(tmp_path, MPLCONFIGDIR=str(cache)) == usual
    for found in cache.glob("fontlist*.json"):
        found.write_text(found.read_text().replace("DejaVuSans", "DejaVuSerif"))
    assert picture(tmp_path, MPLCONFIGDIR=str(cache)) == usual
    for found in cache.glob("fontlist*.json"):
        found.write_text("{")
    assert picture(tmp_path, MPLCONFIGDIR=str(cache)) == usual


def test_a_configuration_folder_that_cannot_be_written_is_no_matter(
    tmp_path: Path, usual: str
) -> None:
    assert picture(tmp_path, MPLCONFIGDIR="/proc/nowhere") == usual


def test_the_working_folder_is_the_same_afterwards(tmp_path: Path) -> None:
    code = "import os, dress_rehearsal.reports.figures; print(os.getcwd())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(tmp_path)
