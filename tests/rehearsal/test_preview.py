"""`rehearse dashboards preview`: pictures of a run, from its own data, which stay as they were."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dress_rehearsal.dashboards.build import dashboards
from dress_rehearsal.dashboards.prometheus_api import PrometheusApi
from dress_rehearsal.plans import Plan
from dress_rehearsal.records import RunDirectory
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.preview import NothingToPreview, window_of
from tests.dashboards.binaries import binary
from tests.dashboards.recorded import Sample, record, served

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


def preview(*arguments: str | Path) -> int:
    return main(["dashboards", "preview", *map(str, arguments)])


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_each_dashboard_is_a_picture_and_each_empty_panel_a_line(
    run: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    binary("prometheus")
    before = fingerprint(run.path)
    assert preview(run.path, "--out", tmp_path / "pictures") == 1
    lines = capsys.readouterr().out.splitlines()
    for uid, dashboard in dashboards().items():
        path = tmp_path / "pictures" / f"{uid}.png"
        assert path.stat().st_size > 10_000
        assert f"{dashboard['title']}: {path}" in lines
    empty = [line for line in lines if line.startswith("No data: ")]
    assert "No data: Generator, panel 'Late start, p99 so far'" in empty
    assert not [line for line in empty if "'Tickets left'" in line]
    assert len(lines) == len(dashboards()) + len(empty)
    assert fingerprint(run.path) == before


def test_the_time_is_from_the_first_arrival_to_the_last_that_was_seen(
    run: RunDirectory, tmp_path: Path
) -> None:
    with served(run.path / "prometheus" / "data") as api:
        window = window_of(run, api)
    assert (window.run, window.opens_s) == (run.id, T0)
    assert (window.start_s, window.end_s) == (T0 - 15, LAST)


def test_a_run_without_arrivals_is_looked_at_from_its_first_phase_on(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    timeline = run.path / "timeline.jsonl"
    kept = [line for line in timeline.read_text().splitlines() if "stage_starting" in line]
    timeline.write_text("\n".join([*kept, ""]))
    with served(run.path / "prometheus" / "data") as api:
        window = window_of(run, api)
    assert (window.start_s, window.end_s, window.opens_s) == (T0 - 30, LAST, None)


def test_a_run_that_ended_before_anything_happened_is_a_sentence(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, Plan(name="smoke"))
    with pytest.raises(NothingToPreview, match=r"timeline\.jsonl is empty: .* give another one"):
        window_of(run, PrometheusApi("http://127.0.0.1:9"))


def test_data_of_another_run_are_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    binary("prometheus")
    run = run_in(tmp_path, data_of="another")
    assert preview(run.path) == 1
    said = capsys.readouterr().err
    assert f"hold nothing of {run.id}: Prometheus was never able to scrape it" in said
    assert "prometheus.log may say why" in said


def test_a_run_without_data_of_prometheus_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDirectory.create(tmp_path, Plan(name="smoke"))
    sentence = f"{run.path} has no data of Prometheus, so there is nothing to draw"
    assert preview(run.path) == 1
    assert sentence in capsys.readouterr().err
    (run.path / "prometheus" / "data").mkdir(parents=True)
    assert preview(run.path) == 1
    assert sentence in capsys.readouterr().err


def test_a_machine_without_prometheus_is_a_sentence(
    run: RunDirectory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert preview(run.path) == 1
    assert "no `prometheus` on the PATH; install it" in capsys.readouterr().err


def test_what_is_no_run_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert preview(tmp_path) == 1
    assert "is not a run directory" in capsys.readouterr().err
