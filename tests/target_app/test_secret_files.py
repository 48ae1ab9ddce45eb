"""Settings in files: found only where asked for, and what is in them is never said."""

import os
from pathlib import Path

import pytest

from dress_rehearsal.target_app.errors import SettingsError
from dress_rehearsal.target_app.secret_files import add_files, environment

SECRET = "never to be seen"


def problems(folder: Path, variables: dict[str, str]) -> tuple[str, ...]:
    before = dict(variables)
    with pytest.raises(SettingsError) as caught:
        add_files(folder, variables)
    assert SECRET not in str(caught.value)
    assert variables == before
    return caught.value.problems


def test_a_file_called_like_a_setting_in_lower_case_is_that_setting(tmp_path: Path) -> None:
    (tmp_path / "app_jwt_secret").write_text(f"{SECRET}\n")
    (tmp_path / "aws_secret_access_key").write_text("of AWS")
    (tmp_path / "neighbours_token").write_text("of the neighbours")
    (tmp_path / "app_sqs_endpoint").write_text(" \n")  # empty: not set
    for other in ("APP_PIN_SECRET", "postgres_password", "redis.conf", "roster.csv"):
        (tmp_path / other).write_text("another's")
    variables = {"APP_PORT": "8080"}
    add_files(tmp_path, variables)
    assert variables == {
        "APP_PORT": "8080",
        "APP_JWT_SECRET": SECRET,
        "AWS_SECRET_ACCESS_KEY": "of AWS",
        "NEIGHBOURS_TOKEN": "of the neighbours",
    }


def test_the_environment_and_a_file_may_agree_but_not_differ(tmp_path: Path) -> None:
    (tmp_path / "app_jwt_secret").write_text(SECRET)
    add_files(tmp_path, agreeing := {"APP_JWT_SECRET": SECRET})
    assert agreeing == {"APP_JWT_SECRET": SECRET}
    add_files(tmp_path, unset := {"APP_JWT_SECRET": " "})
    assert unset == {"APP_JWT_SECRET": SECRET}
    assert problems(tmp_path, {"APP_JWT_SECRET": "another"}) == (
        f"APP_JWT_SECRET is set in the environment, and the file {tmp_path}/app_jwt_secret holds "
        "another value; keep one of them.",
    )


def test_files_that_cannot_be_read_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "app_admin_token").mkdir()  # Docker makes one where the secret's file was missing
    (tmp_path / "app_gate_token").write_bytes(b"\xff" + SECRET.encode())
    (tmp_path / "app_pin_secret").write_text(f"{SECRET}\0")
    (tmp_path / "app_qr_secret").write_text(SECRET * 5_000)
    assert problems(tmp_path, {}) == (
        f"APP_ADMIN_TOKEN cannot be read from the file {tmp_path}/app_admin_token: Is a directory.",
        f"APP_GATE_TOKEN cannot be read from the file {tmp_path}/app_gate_token: it is not UTF-8 "
        "text.",
        f"APP_PIN_SECRET cannot be read from the file {tmp_path}/app_pin_secret: it holds a zero "
        "byte.",
        f"APP_QR_SECRET cannot be read from the file {tmp_path}/app_qr_secret: it is longer than "
        "65536 bytes.",
    )


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert problems(tmp_path / "none", {}) == (
        f"The folder {tmp_path}/none (APP_SECRETS_DIR) cannot be read: No such file or directory.",
    )


def test_no_file_is_looked_for_unless_the_environment_names_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app_qr_secret").write_text(SECRET)
    monkeypatch.setenv("APP_QR_SECRET", "")
    monkeypatch.delenv("APP_SECRETS_DIR", raising=False)
    assert environment()["APP_QR_SECRET"] == ""
    monkeypatch.setenv("APP_SECRETS_DIR", str(tmp_path))
    assert environment()["APP_QR_SECRET"] == SECRET
    assert environment()["APP_QR_SECRET"] == os.environ["APP_QR_SECRET"]  # asked again at will
