"""What property tests of bad usage share: a command run here, and a secret to look for."""

import contextlib
import functools
import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import strategies as st

from dress_rehearsal.rehearsal import cli
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.preflight import checks

SECRET: Final = "q7Hd-4711-SENTINEL-Zm9vYmFy"

Told = Callable[..., str]
"""Runs a command that is given bytes for files; returns what it said."""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """Run a command; returns what it printed.

    It has to end with 0 or 2, without a traceback, without showing the secret, and without making
    anything.
    """
    # The same whatever the plan says: this machine would be asked, and the command line described,
    # for every example.
    monkeypatch.setattr(checks, "fits", lambda *_: None)
    monkeypatch.setattr(cli, "_parser", functools.cache(cli._parser))
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.chdir(folder)

        def run(*arguments: str, **files: bytes) -> str:
            for name, content in files.items():
                Path(f"{name}.txt").write_bytes(content)
            before = sorted(Path().iterdir())
            out, errors = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
                try:
                    code: Any = main(arguments)
                except SystemExit as ended:
                    code = ended.code
            said = out.getvalue() + errors.getvalue()
            assert code in (0, 2), said
            assert "Traceback" not in said
            assert SECRET not in said
            assert sorted(Path().iterdir()) == before
            return said

        yield run


def scalars() -> st.SearchStrategy[Any]:
    """Return what a value of TOML can be, a secret among it."""
    return st.one_of(
        st.just(SECRET),
        st.sampled_from(["2s", "30%", "1.5 ms", "T+2s", "<= 3s", "== 0", "naive", "external", ""]),
        st.booleans(),
        st.integers(),
        st.integers(min_value=-5, max_value=500),
        st.floats(),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
        st.text(max_size=20, alphabet=st.characters(exclude_categories=["Cs"])).map(
            lambda text: f"http://{text}:{SECRET}@127.0.0.1"
        ),
        st.datetimes(),
    )


def values() -> st.SearchStrategy[Any]:
    """Return values of TOML: scalars, lists and tables of them."""
    keys = st.one_of(st.just(SECRET), st.sampled_from(["name", "url", "metric", "x"]))
    return st.recursive(
        scalars(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=6,
    )
