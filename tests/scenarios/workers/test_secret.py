"""The secret comes by the environment, or a file that is its owner's alone."""

import pytest

from dress_rehearsal.scenarios.workers.secret import (
    FILE_VARIABLE,
    VARIABLE,
    SecretError,
    given_secret,
)

SECRET = "0123456789abcdef"


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv(FILE_VARIABLE, raising=False)


def test_the_variable_has_it(monkeypatch):
    monkeypatch.setenv(VARIABLE, f" {SECRET}\n")
    assert given_secret() == SECRET.encode()


def test_the_file_that_is_named_has_it(monkeypatch, tmp_path):
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    file.chmod(0o600)
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    assert given_secret() == SECRET.encode()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_read_is_not_used(monkeypatch, tmp_path, mode):
    file = tmp_path / "secret"
    file.write_text(SECRET)
    file.chmod(mode)
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    with pytest.raises(SecretError, match="chmod 600"):
        given_secret()


def test_none_is_a_sentence_that_says_where_it_belongs():
    with pytest.raises(SecretError, match=f"set {VARIABLE} .*{FILE_VARIABLE}"):
        given_secret()


def test_a_file_that_is_not_there_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(SecretError, match="cannot be read"):
        given_secret()


def test_a_short_one_is_refused_and_not_shown(monkeypatch):
    monkeypatch.setenv(VARIABLE, "shop2026")
    with pytest.raises(SecretError, match="has 8 characters") as raised:
        given_secret()
    assert "shop2026" not in str(raised.value)
