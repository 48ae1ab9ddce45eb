"""A scenario's kind is read from its imports, and the file is never run."""

from pathlib import Path

import pytest

from dress_rehearsal.plans import PlanError
from dress_rehearsal.scenarios.kind import kind_of


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scenario.py"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "from dress_rehearsal.scenarios import Buyer, Granted\n",
        "from dress_rehearsal.scenarios import Buyer as B\n",
        "from dress_rehearsal.scenarios import *\n",
        "import dress_rehearsal.scenarios as rehearsal\n",
        "from dress_rehearsal import scenarios\n",
        "try:\n    from dress_rehearsal.scenarios import Buyer\nexcept ImportError:\n    raise\n",
    ],
)
def test_a_file_that_imports_buyer_has_buyers(tmp_path: Path, text: str) -> None:
    assert kind_of(_file(tmp_path, text)) == "buyers"


@pytest.mark.parametrize(
    "text",
    [
        "from locust import HttpUser\n",
        "from scenarios import Buyer\n",
        "from .scenarios import Buyer\n",
        "# from dress_rehearsal.scenarios import Buyer\nfrom locust import User\n",
        "",
    ],
)
def test_any_other_file_is_locusts(tmp_path: Path, text: str) -> None:
    assert kind_of(_file(tmp_path, text)) == "locust"


def test_a_file_is_not_run_to_find_out(tmp_path: Path) -> None:
    assert kind_of(_file(tmp_path, "raise SystemExit(1)\n")) == "locust"


def test_what_is_not_python_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"scenario\.py, line 2 is not Python: "):
        kind_of(_file(tmp_path, "import locust\nclass User(:\n"))


def test_null_bytes_are_not_python(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="is not Python"):
        kind_of(_file(tmp_path, "x = 1\0\n"))


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"gone\.py cannot be read: No such file"):
        kind_of(tmp_path / "gone.py")
