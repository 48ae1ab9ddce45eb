"""`rehearse dashboards push`: its options, the token from the environment, what it prints."""

import argparse
import sys
import types

import pytest
from rich.console import Console

from dress_rehearsal.dashboards import errors
from dress_rehearsal.dashboards.cli import add_commands
from tests.dashboards.push.grafana_double import grafana
from tests.dashboards.push.grafana_rules import TOKEN


def console():
    return Console(highlight=False, soft_wrap=True)


DASHBOARDS = {"rehearsal-open": {"uid": "rehearsal-open", "title": "Ticket open", "panels": []}}


@pytest.fixture
def command(monkeypatch):
    """Run one command as `rehearse` does, with dashboards of the test's own."""
    build = types.ModuleType("dress_rehearsal.dashboards.build")
    build.dashboards = lambda: DASHBOARDS
    build.write = lambda folder: [folder / f"{uid}.json" for uid in DASHBOARDS]
    monkeypatch.setitem(sys.modules, "dress_rehearsal.dashboards.build", build)
    monkeypatch.setenv("REHEARSE_GRAFANA_TOKEN", TOKEN)

    def run(*words):
        parser = argparse.ArgumentParser()
        add_commands(parser.add_subparsers(required=True), console)
        options = parser.parse_args(["dashboards", *map(str, words)])
        return options.command(options)

    return run


def test_push_prints_what_became_of_each_part_and_where_to_look(command, capsys):
    with grafana() as double:
        words = ("push", "--url", double.url)
        assert command(*words, "--datasource-url", "http://127.0.0.1:9090") == 0
        assert capsys.readouterr().out.splitlines() == [
            "data source rehearsal-prometheus: created",
            "folder dress-rehearsal: created",
            "dashboard rehearsal-open: created",
            f"Look at {double.url}/d/rehearsal-open",
        ]
        assert command(*words) == 0
        assert "unchanged" in capsys.readouterr().out


def test_push_without_a_token_asks_nobody(command, monkeypatch):
    monkeypatch.delenv("REHEARSE_GRAFANA_TOKEN")
    with grafana() as double:
        with pytest.raises(errors.PushRefusedError, match="REHEARSE_GRAFANA_TOKEN"):
            command("push", "--url", double.url)
        assert double.requests == []


def test_there_is_no_option_for_the_token(command, capsys):
    with pytest.raises(SystemExit):
        command("push", "--url", "http://127.0.0.1:1", "--token", TOKEN)
    with pytest.raises(SystemExit):
        command("push", "--help")
    assert "--token" not in capsys.readouterr().out


def test_build_names_the_files_it_wrote(command, tmp_path, capsys):
    assert command("build", "--out", tmp_path) == 0
    assert capsys.readouterr().out == f"{tmp_path}/rehearsal-open.json\n"


def test_another_command_can_join_them(capsys):
    parser = argparse.ArgumentParser()
    own = add_commands(parser.add_subparsers(required=True), console)
    own.add_parser("check").set_defaults(command="joined")
    assert parser.parse_args(["dashboards", "check"]).command == "joined"
