"""The wheel: one import name, the command, every file a room needs, and it works elsewhere."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.short_rehearsal import UNHURRIED

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "compose",
    "dashboards",
    "plans",
    "records",
    "rehearsal",
    "reports",
    "scenarios",
    "target_app",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy: setuptools leaves folders of its own in a checkout, and takes old ones."""
    source = tmp_path_factory.mktemp("source")
    for room in ROOMS:
        leave = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, source / room, ignore=leave)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    built = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(built), str(source)]
    subprocess.run([*pip, *options], check=True, cwd=built)
    (path,) = built.glob("*.whl")
    return path


def test_it_brings_one_import_name_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    distribution = wheel.name.removesuffix("-py3-none-any.whl")
    assert {name.split("/")[0] for name in names} == {
        "dress_rehearsal",
        f"{distribution}.dist-info",
    }
    assert {name.split("/")[1] for name in names if name.startswith("dress_rehearsal/")} == {*ROOMS}


def test_every_module_and_every_file_beside_one_is_in_it(wheel: Path) -> None:
    packed = {
        name.removeprefix("dress_rehearsal/")
        for name in zipfile.ZipFile(wheel).namelist()
        if name.startswith("dress_rehearsal/")
    }
    wanted = {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file()
        and path.suffix != ".pyc"
        # for `docker compose` and by hand, from a checkout
        and path.relative_to(ROOT).parts[:2]
        not in {
            ("compose", "observability"),
            ("compose", "secrets"),
        }
    }
    assert packed == wanted


@pytest.mark.long
@pytest.mark.rehearsal
def test_it_rehearses_from_a_folder_whose_packages_have_the_names_of_our_rooms(
    wheel: Path, tmp_path: Path
) -> None:
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True
    )
    python = tmp_path / "venv/bin/python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", str(wheel)], check=True)
    # What it depends on is borrowed from here. `.pth` files of a borrowed folder are not read, so
    # the checkout, which is installed there to be edited, stays out of reach.
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))

    theirs = tmp_path / "theirs"
    for room in ("plans", "reports", "scenarios", "compose", "records"):
        package = theirs / room
        package.mkdir(parents=True)
        (package / "__init__.py").write_text('raise RuntimeError("not ours")\n')
    where = "import dress_rehearsal.plans as ours; print(ours.__file__)"
    found = subprocess.run(
        [str(python), "-P", "-c", where], cwd=theirs, check=True, capture_output=True, text=True
    )
    assert Path(found.stdout.strip()).is_relative_to(packages)

    command = [str(python.with_name("rehearse")), "run", "smoke", "--no-prometheus"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(
        [*command, *(word for setting in UNHURRIED for word in ("--set", setting))],
        cwd=theirs,
        env={**environment, "PYTHONPATH": str(theirs)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (run,) = (theirs / "runs").glob("*-smoke-*")
    verdict = json.loads((run / "verdict.json").read_text("utf-8"))
    assert verdict["verdict"] == "pass"
    assert verdict["census"]["ticket"] == 20
    assert (run / "report.html").is_file()
