"""The README's pictures are made from a run by a command, and stay small."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from tests.reports import synthetic_run

MAKE = Path(__file__).resolve().parents[2] / "docs/pictures/make.py"


@pytest.fixture
def main():
    spec = importlib.util.spec_from_file_location("make_pictures", MAKE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_without_a_run_or_with_none_that_can_be_read_it_says_what_to_do(main, tmp_path, capsys):
    assert main([], tmp_path) == 2
    assert "make pictures RUN=" in capsys.readouterr().err
    assert main([str(tmp_path / "nowhere")], tmp_path) == 2
    assert "nowhere" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.servers
def test_both_pictures_are_made_of_one_run(main, tmp_path, capsys):
    if shutil.which("chromium") is None and shutil.which("google-chrome") is None:
        pytest.skip("no chromium on the PATH")
    run = synthetic_run.build_run(tmp_path, students=300, tickets=120)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    assert main([str(run.path)], pictures) == 0
    sizes = {path.name: path.stat().st_size for path in pictures.iterdir()}
    assert set(sizes) == {"first-screen.png", "rush.png"}
    assert all(10_000 < size < 200_000 for size in sizes.values())
