"""Figures are drawn in their own style, whatever matplotlib finds lying about."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.servers

Picture = Callable[..., str]

DRAWING = """
import hashlib, json, os, sys
import pandas, pyarrow.parquet, dress_rehearsal.plans, dress_rehearsal.records
assert "matplotlib" not in sys.modules, "which is to look around anew each time"

def draw():
    from dress_rehearsal.reports.figures.heat_map import MatrixCell, draw_heat_map
    from dress_rehearsal.reports.figures.comparison import Bars, draw_comparison
    cells = [MatrixCell("redis_writeback", "leak", "caught"), MatrixCell("naive", "none", "clean")]
    bars = Bars("p99 (ms)", [1.5, 30.0], str)
    drawn = draw_heat_map(cells).file + draw_comparison(["one", "two"], [bars]).file
    print(hashlib.sha256(drawn.encode()).hexdigest(), end=" ", flush=True)

for line in sys.stdin:
    folder, variables = json.loads(line)
    if os.fork() == 0:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)
        draw()
        os._exit(0)
    print(os.wait()[1], flush=True)
"""


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Picture]:
    """Draw in a process of its own, in `folder`; return what identifies the bytes.

    What draws is loaded anew each time; what loads it, which takes longer, only once.
    """
    complaints = tmp_path_factory.mktemp("drawing") / "complaints.txt"
    with complaints.open("a") as file:
        drawing = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", DRAWING],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )

    def draw(folder: Path, **variables: str) -> str:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), **variables}
        assert drawing.stdin is not None
        assert drawing.stdout is not None
        drawing.stdin.write(json.dumps([str(folder), environment]) + "\n")
        drawing.stdin.flush()
        *drawn, status = drawing.stdout.readline().split()
        said = complaints.read_text()
        os.truncate(complaints, 0)
        assert (status, said) == ("0", "")
        return "".join(drawn)

    yield draw
    drawing.communicate(timeout=60)


@pytest.fixture(scope="module")
def usual(picture: Picture, tmp_path_factory: pytest.TempPathFactory) -> str:
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
    picture: Picture, tmp_path: Path, usual: str, settings: bytes, place: str
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


def test_a_matplotlibrc_that_may_not_be_read_changes_no_picture(
    picture: Picture, tmp_path: Path, usual: str
) -> None:
    (tmp_path / "matplotlibrc").symlink_to("/proc/self/mem")  # cannot be read, by root either
    assert picture(tmp_path) == usual


def test_fonts_of_the_machine_change_no_picture(
    picture: Picture, tmp_path: Path, usual: str
) -> None:
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
    picture: Picture, tmp_path: Path, usual: str
) -> None:
    assert picture(tmp_path, MPLCONFIGDIR="/proc/nowhere") == usual


def test_the_working_folder_is_the_same_afterwards(tmp_path: Path) -> None:
    code = "import os, dress_rehearsal.reports.figures; print(os.getcwd())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(tmp_path)
