"""What an external target needs is asked before anything is sent: exit code 2, in a sentence."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dress_rehearsal.rehearsal.cli import main

Rehearse = Callable[..., tuple[int, str]]
ALREADY = "opening.already = true"


@pytest.fixture
def rehearse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Rehearse:
    monkeypatch.delenv("REHEARSE_ADMIN_TOKEN", raising=False)
    (tmp_path / "roster.csv").write_text("student,pin,enrolled\nS1,1,1\nS2,2,1\n")

    def run(
        target: str,
        *options: str,
        command: str = "run",
        plan: str = "[event]\nstudents = 2\ntickets = 1",
    ) -> tuple[int, str]:
        path = tmp_path / "shop.toml"
        text = f'[target]\nstage = "external"\nurl = "http://127.0.0.1:9"\n{target}\n'
        path.write_text(f'name = "shop"\n{plan}\n{text}')
        where = ["--roster", f"{tmp_path}/roster.csv", "--out", f"{tmp_path}/runs"]
        code = main([*command.split(), str(path), *where, *options])
        out, err = capsys.readouterr()
        return code, " ".join((out + err).split())

    return run


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("", "set the environment variable REHEARSE_ADMIN_TOKEN"),
        (f'{ALREADY}\nheaders = {{ X-Key = "env:SHOP_NOT_SET" }}', "SHOP_NOT_SET, which the plan"),
        (f'{ALREADY}\ncommand = "no-such-program-here"', "The program of target.command is not"),
        (f'{ALREADY}\ncommand = "./shop"', "The program of target.command is not found"),
        (f'{ALREADY}\nreset.command = "no-such-one"', "The program of target.reset.command"),
        (f'{ALREADY}\ncommand = "true"\nfolder = "nowhere"', "target.folder is not there"),
        ('opening.at = "2020-01-01T00:00:00Z"', "ago: name an instant that is to come"),
    ],
)
@pytest.mark.parametrize("option", ["--dry-run", "--no-prometheus"])
def test_what_is_missing_here_is_told_before_anything_is_sent(
    target: str, sentence: str, option: str, rehearse: Rehearse, tmp_path: Path
) -> None:
    code, said = rehearse(target, option)
    assert (code, sentence in said) == (2, True), said
    assert not (tmp_path / "runs").exists()


LEDGER = '[[ledgers]]\nname = "orders"\ncsv = "orders.csv"'


def test_a_ledger_that_cannot_be_read_is_refused_before_a_run_and_not_read_in_a_dry_one(
    rehearse: Rehearse, tmp_path: Path
) -> None:
    code, said = rehearse(f"{ALREADY}\n{LEDGER}", "--no-prometheus")
    assert (code, "The ledger orders cannot be read: the file" in said) == (2, True), said
    (tmp_path / "orders.csv").write_text("reference,email\n")
    code, said = rehearse(f"{ALREADY}\n{LEDGER}", "--no-prometheus")
    assert (code, "there are reference, email" in said) == (2, True), said
    assert not (tmp_path / "runs").exists()
    code, said = rehearse(f"{ALREADY}\n{LEDGER}", "--dry-run")
    assert code == 0, said
    (tmp_path / "orders.csv").write_text("ticket\n")
    code, said = rehearse(f"{ALREADY}\n{LEDGER}", "--no-prometheus")
    assert (code, "The target" in said) == (1, True), said  # nobody answers at its port


@pytest.mark.parametrize(
    ("ahead", "sentence"),
    [
        (timedelta(seconds=20), "it is too late by"),
        (timedelta(days=3), "more than a day away"),
    ],
)
def test_an_instant_has_to_be_within_reach(
    ahead: timedelta, sentence: str, rehearse: Rehearse
) -> None:
    at = (datetime.now(UTC) + ahead).isoformat()
    code, said = rehearse(f'opening.at = "{at}"')
    assert (code, sentence in said) == (2, True), said


def test_by_how_much_it_is_too_late_is_told(rehearse: Rehearse) -> None:
    at = (datetime.now(UTC) + timedelta(seconds=35)).isoformat()
    code, said = rehearse(f'opening.at = "{at}"', "--dry-run")
    assert code == 2
    assert "has to be started 1m before" in said  # the usual lead of 30 s, and 30 s to set up
    assert "too late by 25s" in said or "too late by 26s" in said


@pytest.mark.parametrize(
    ("command", "options"),
    [("run", ("--repeat", "2")), ("sweep", ("--over", "event.tickets=1,2"))],
)
def test_what_repeats_needs_a_reset(
    command: str, options: tuple[str, ...], rehearse: Rehearse
) -> None:
    code, said = rehearse(ALREADY, *options, command=command)
    assert (code, "needs [target.reset]" in said) == (2, True), said
    at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    once = f'opening.at = "{at}"\nreset.command = "true"'
    code, said = rehearse(once, *options, command=command)
    assert (code, "comes once" in said) == (2, True), said


def test_a_plan_is_checked_without_what_only_a_performance_needs(rehearse: Rehearse) -> None:
    needy = f'{ALREADY}\nheaders = {{ X-Key = "env:SHOP_NOT_SET" }}\ncommand = "not-here"'
    code, said = rehearse(needy, command="plan check")
    assert code == 0, said


def test_a_dry_run_says_what_would_happen_and_no_secret(
    rehearse: Rehearse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", "hunter2-from-the-shell")
    code, said = rehearse(
        "\n".join(
            [
                'command = "python3 shop.py --key=hunter2 --port 9"',
                'environment = { MODE = "hunter2", KEY = "env:SHOP_KEY" }',
                'headers = { X-Key = "env:SHOP_KEY" }',
                'opening.request = "POST /-/on-sale/hunter2-hunter2-hunter2-hunter2?k=hunter2"',
                'opening.json = { atMs = "{t0_ms}", word = "hunter2" }',
                'reset.request = "POST /-/reset"',
            ]
        ),
        "--dry-run",
        plan='abort.errors = "50%"\n[event]\nstudents = 2\ntickets = 1',
    )
    assert code == 0
    for words in (
        "Everything is sent to http://127.0.0.1:9 (this machine).",
        "Every request carries X-Key = env:SHOP_KEY.",
        "start: python3 shop.py --key=… --port 9 in",
        "reset: POST /-/reset",
        "ramp check: 3 requests",
        "open: POST /-/on-sale/…?…, as JSON {atMs: {t0_ms}, word: …}",
        "2 students from T-0 − 30s",
        "buy",
        "more than 50% of the requests fail",
    ):
        assert words in said
    assert "hunter2" not in said
    assert not (tmp_path / "runs").exists()
