"""A probe of a shop, and what it said."""

import tempfile
import textwrap
from pathlib import Path

import pytest

from dress_rehearsal.rehearsal.cli import main
from tests.rehearsal.first_contact.probing import ROSTER, SECRET, SOUND, plan_of
from tests.rehearsal.first_contact.served import served


@pytest.fixture
def temporary():
    """A temporary folder with a short name, as sockets need it."""
    with tempfile.TemporaryDirectory(prefix="p-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def probed(tmp_path, temporary, monkeypatch, capsys):
    """Probe an app with a scenario; returns the exit code and what was said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)

    def run(pages, scenario=SOUND, more="", roster=ROSTER, plan=plan_of):
        Path("shop.py").write_text(textwrap.dedent(scenario))
        Path("people.csv").write_text(roster)
        with served(pages) as app:
            Path("shop.toml").write_text(plan(app.url, more))
            before = sorted([*tmp_path.rglob("*"), *temporary.iterdir()])
            code = main(["probe", "shop.toml", "--roster", "people.csv"])
            captured = capsys.readouterr()
            run.asked = app.asked
        said = captured.out + captured.err
        assert SECRET not in said
        assert "\x1b" not in said
        assert "Traceback" not in said
        assert sorted([*tmp_path.rglob("*"), *temporary.iterdir()]) == before, "something is left"
        return code, said

    return run
