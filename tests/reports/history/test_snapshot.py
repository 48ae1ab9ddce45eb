"""A run of a history keeps those it is beside: its report is made of its files alone."""

import json
import shutil

import pytest

from dress_rehearsal.records import RunDirectory
from dress_rehearsal.records.errors import RunDirectoryUnusableError
from dress_rehearsal.reports.history.folder import entry_in, remember
from dress_rehearsal.reports.history.snapshot import keep, read_snapshot
from dress_rehearsal.reports.report import write_report
from tests.reports import synthetic_run
from tests.reports.history.conftest import entry

pytestmark = pytest.mark.slow

SMALL = {"students": 60, "tickets": 20}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A run that was put into a history of eleven others and judged beside them, and its verdict.

    The history's folder is gone. Nobody changes the run: `kept` is a copy.
    """
    tmp_path = tmp_path_factory.mktemp("kept")
    run = synthetic_run.build_run(tmp_path / "runs", **SMALL)
    own = entry_in(run)
    alike = {"plan_digest": own.plan_digest, "fingerprint": own.fingerprint}
    for number in range(11):
        other = entry(number, 100.0 + number % 3, numbers=own.numbers, **alike)
        remember(tmp_path / "history", other)
    remember(tmp_path / "history", entry(99, 1.0))
    assert keep(run, own, tmp_path / "history") == []
    shutil.rmtree(tmp_path / "history")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dress_rehearsal.reports.page.draw_figures", lambda *_: [])
        return run, write_report(run)


@pytest.fixture
def kept(judged, tmp_path):
    """The run that was put into a history, for a test of its own."""
    run, _ = judged
    return RunDirectory(shutil.copytree(run.path, tmp_path / "kept" / run.id))


def test_it_has_the_runs_of_its_plan_and_machine_and_itself_last_or_first(kept):
    entries, wrong = read_snapshot(kept)
    assert wrong is None
    assert len(entries) == 12
    assert kept.id in {each.run for each in entries}
    assert len({each.plan_digest for each in entries}) == 1


@pytest.mark.usefixtures("undrawn")
def test_the_page_shows_them_and_is_the_same_on_every_repetition(kept):
    page = (kept.path / "report.html").read_bytes()
    (kept.path / "report.html").unlink()
    write_report(kept)
    assert (kept.path / "report.html").read_bytes() == page
    text = page.decode()
    assert 'id="history-heading"' in text
    assert "No number changed its level in 12 undisturbed runs" in text
    assert "The last 10 runs" in text
    assert '<a href="history.json">' in text
    assert (kept.path / "figures" / "history.svg").is_file()


@pytest.mark.usefixtures("undrawn")
def test_a_run_of_no_history_has_no_such_section(build_run):
    run = build_run(**SMALL)
    write_report(run)
    assert "history" not in (run.path / "report.html").read_text()


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"schema": 1, "runs": [1]}'])
def test_a_damaged_one_is_a_sentence_and_no_change_of_the_verdict(judged, kept, content):
    _, before = judged
    (kept.path / "history.json").write_bytes(content)
    assert write_report(kept) == before
    assert "history.json is damaged" in (kept.path / "report.html").read_text()


def test_a_history_that_cannot_be_written_is_told_and_the_run_stands_alone(build_run, tmp_path):
    run = build_run(**SMALL)
    (tmp_path / "file").write_text("")
    (told,) = keep(run, entry_in(run), tmp_path / "file")
    assert told.startswith("The run is not in the history")
    assert len(json.loads((run.path / "history.json").read_text())["runs"]) == 1


@pytest.mark.usefixtures("undrawn")
def test_the_verdict_is_written_before_the_run_is_put_into_a_history(build_run):
    run = build_run(**SMALL)

    def keep_none(*_):
        raise RunDirectoryUnusableError("no room")

    with pytest.raises(RunDirectoryUnusableError, match="no room"):
        write_report(run, keep_none)
    assert {"verdict.json", "summary.md", "junit.xml"} <= {each.name for each in run.path.iterdir()}


def test_an_odd_file_of_the_same_series_is_named_and_the_run_is_kept(build_run, tmp_path):
    run = build_run(**SMALL)
    own = entry_in(run)
    other = entry(1, 1.0, plan_digest=own.plan_digest, fingerprint=own.fingerprint)
    text = other.text().replace("12:00:00Z", "12:00:00")
    (tmp_path / f"{other.run}.json").write_text(text)
    (told,) = keep(run, own, tmp_path)
    assert told.startswith(f"{tmp_path / other.run}.json is left out")
    assert read_snapshot(run) == ([own], None)
