"""`rehearse dashboards check`: a line a panel, from the run's own data, which stay as they were."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dress_rehearsal.dashboards.build import dashboards
from dress_rehearsal.dashboards.prometheus_api import PrometheusApi
from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.dashboards_check import window_of
from dress_rehearsal.rehearsal.errors import NothingToCheckError
from tests.dashboards.binaries import binary
from tests.dashboards.recorded import Sample, record, served

pytestmark = pytest.mark.servers

T0 = 1_780_000_000.0
LAST = T0 + 25


def samples(run: str) -> Iterator[Sample]:
    for second in range(-20, 26):
        yield f'rehearsal_info{{run="{run}",plan="smoke"}}', 1, T0 + second
        yield f'rehearsal_event_tickets{{run="{run}"}}', 60, T0 + second
        yield f'tickets_held{{run="{run}",store="redis"}}', max(second, 0), T0 + second


def run_in(folder: Path, *, data_of: str | None = None) -> RunDirectory:
    """Make a run directory with the data of Prometheus of a run, by default its own."""
    run = RunDirectory.create(folder, Plan(name="smoke"))
    for kind, name, away_s in (
        ("phase", "stage_starting", -30),
        ("phase", "arrivals", -15),
        ("t0", "open", 0),
        ("phase", "torn_down", 20),
    ):
        run.stamp(kind, name, t_ns=int((T0 + away_s) * 1e9))  # type: ignore[arg-type]
    (run.path / "prometheus").mkdir()
    record(samples(data_of or run.id), run.path / "prometheus" / "data")
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return run_in(tmp_path_factory.mktemp("runs"))


def check(run: Path) -> int:
    return main(["dashboards", "check", str(run)])


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_each_panel_is_a_line_that_says_whether_it_has_data(
    run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    binary("prometheus")
    before = fingerprint(run.path)
    assert check(run.path) == 99
    *lines, count = capsys.readouterr().out.splitlines()
    assert "Ticket open, 'Tickets left': data, 1 series" in lines
    assert "Generator, 'Late start, p99 so far': none" in lines
    assert "Ticket open, 'This rehearsal': data, 1 series, nothing of 'Students', 'T-0'" in lines
    empty = [line for line in lines if line.endswith(": none")]
    assert count == f"{len(lines) - len(empty)} of {len(lines)} panels have data."
    titles = {each["title"] for each in dashboards().values()}
    assert {line.split(",")[0] for line in lines} == titles
    assert fingerprint(run.path) == before


def test_the_time_is_from_the_first_arrival_to_the_last_that_was_seen(
    run: RunDirectory, tmp_path: Path
) -> None:
    with served(run.path / "prometheus" / "data") as api:
        window = window_of(run, api)
    assert (window.run, window.start_s, window.end_s) == (run.id, T0 - 15, LAST)


def test_a_run_without_arrivals_is_looked_at_from_its_first_phase_on(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    timeline = run.path / "timeline.jsonl"
    kept = [line for line in timeline.read_text().splitlines() if "stage_starting" in line]
    timeline.write_text("\n".join([*kept, ""]))
    with served(run.path / "prometheus" / "data") as api:
        window = window_of(run, api)
    assert (window.start_s, window.end_s) == (T0 - 30, LAST)


def test_a_run_that_ended_before_anything_happened_is_a_sentence(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, Plan(name="smoke"))
    with pytest.raises(NothingToCheckError, match=r"timeline\.jsonl is empty: .* give another one"):
        window_of(run, PrometheusApi("http://127.0.0.1:9"))


def test_data_of_another_run_are_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    binary("prometheus")
    run = run_in(tmp_path, data_of="another")
    assert check(run.path) == 1
    said = capsys.readouterr().err
    assert f"hold nothing of {run.id}: Prometheus was never able to scrape it" in said
    assert "prometheus.log may say why" in said


def test_a_run_without_data_of_prometheus_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDirectory.create(tmp_path, Plan(name="smoke"))
    sentence = f"{run.path} has no data of Prometheus, so there is nothing to check"
    assert check(run.path) == 1
    assert sentence in capsys.readouterr().err
    (run.path / "prometheus" / "data").mkdir(parents=True)
    assert check(run.path) == 1
    assert sentence in capsys.readouterr().err


def test_a_machine_without_prometheus_is_a_sentence(
    run: RunDirectory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert check(run.path) == 1
    assert "no `prometheus` on the PATH; install it" in capsys.readouterr().err


def test_what_is_no_run_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path) == 1
    assert "is not a run directory" in capsys.readouterr().err
