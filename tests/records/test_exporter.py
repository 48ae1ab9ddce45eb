"""The exporter and the announcement: what any Prometheus of the machine is shown."""

import http.client
import json
import os
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dress_rehearsal.records.collectors.scrape import Target
from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.records.exporter import HELP, exporting, families, family_of
from dress_rehearsal.records.samples import Reading, Series, labels_json
from dress_rehearsal.records.targets_file import Announcement
from tests.dashboards.binaries import binary

READINGS = [
    Reading.of(
        1,
        {
            Series("postgres", "pg_up", "{}"): 1.0,
            Series("kernel", "tcp_listen_drops_total", "{}"): 7.0,
            Series("processes", "process_open_fds", labels_json(component="app", pid=1)): 9.0,
            Series("elsewhere", "not_one_of_ours", "{}"): 5.0,
        },
    ),
    Reading.of(2, {Series("g", "generator_students", labels_json(state="ticket")): 3.0}),
    Reading.of(3, {Series("g", "generator_students", labels_json(state="failed")): 4.0}),
]


def scraped(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def values(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_was_read_last_is_shown_with_its_type_and_meaning() -> None:
    with exporting(lambda: families(READINGS)) as port:
        text = scraped(port)
    assert values(text) == {
        ("pg_up", frozenset()): 1,
        ("tcp_listen_drops_total", frozenset()): 7,
        ("process_open_fds", frozenset({("component", "app"), ("pid", "1")})): 9,
        ("generator_students", frozenset({("state", "ticket")})): 3,
        ("generator_students", frozenset({("state", "failed")})): 4,
    }
    assert "# TYPE tcp_listen_drops_total counter" in text
    assert "# TYPE pg_up gauge" in text
    assert f"# HELP pg_up {HELP['pg_up']}" in text


def test_the_port_is_closed_afterwards() -> None:
    with exporting(lambda: ()) as port:
        scraped(port)
    with pytest.raises(OSError, match="refused"):
        scraped(port)


def test_prometheus_own_tool_has_nothing_to_say_about_the_metrics() -> None:
    known = [
        family_of(name, text, [({"label": "one"}, 1.0)]) for name, text in sorted(HELP.items())
    ]
    with exporting(lambda: known) as port:
        text = scraped(port)
    told = subprocess.run(
        [binary("promtool"), "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout + told.stderr) == (0, "")


class TestAnnouncement:
    """The `file_sd` file of a run."""

    def test_targets_are_announced_with_their_run_while_inside(self, tmp_path: Path) -> None:
        announcement = Announcement(tmp_path, "run-1", 4000)
        with announcement:
            (harness,) = json.loads(announcement.path.read_text())
            announcement.announce([Target("app:101", "127.0.0.1", 9001)])
            groups = json.loads(announcement.path.read_text())
        assert harness["targets"] == ["127.0.0.1:4000"]
        assert (harness["labels"]["run"], harness["labels"]["job"]) == ("run-1", "harness")
        assert groups == [
            harness,
            {
                "targets": ["127.0.0.1:9001"],
                "labels": {"run": "run-1", "job": "app", "pid": "101"},
            },
        ]
        assert list((tmp_path / "targets").iterdir()) == []

    def test_what_a_killed_conductor_announced_is_withdrawn(self, tmp_path: Path) -> None:
        folder = tmp_path / "targets"
        folder.mkdir()
        for name, pid in (("dead", 4_000_000), ("alive", os.getpid())):
            group = {"targets": ["127.0.0.1:1"], "labels": {"job": "harness", "pid": str(pid)}}
            (folder / f"{name}.json").write_text(json.dumps([group]))
        (folder / "strange.json").write_text('{"not": "ours"}')
        with Announcement(tmp_path, "run-1", 4000):
            left = sorted(file.name for file in folder.iterdir())
        assert left == ["alive.json", "run-1.json", "strange.json"]

    def test_what_cannot_be_withdrawn_is_left_to_whoever_can(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "targets").mkdir()
        group = {"targets": ["127.0.0.1:1"], "labels": {"job": "harness", "pid": "4000000"}}
        left = tmp_path / "targets" / "theirs.json"
        left.write_text(json.dumps([group]))
        real = Path.unlink

        def refused(path: Path, missing_ok: bool = False) -> None:
            if path.name == left.name:
                raise PermissionError(1, "Operation not permitted")
            real(path, missing_ok)

        monkeypatch.setattr(Path, "unlink", refused)
        with Announcement(tmp_path, "run-1", 4000) as announcement:
            assert announcement.path.is_file()

    def test_where_it_cannot_be_written_a_sentence_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "targets").write_text("a file")
        with (
            pytest.raises(RunDirectoryUnusableError, match=r"targets.* cannot be written"),
            Announcement(tmp_path, "run-1", 4000),
        ):
            pass
