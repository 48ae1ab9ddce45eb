"""Of a rehearsal that is refused the sentence is all there is: no run directory is left."""

from dress_rehearsal.rehearsal.cli import main


def left(runs):
    return [path for path in runs.glob("*") if path.name != "targets"]


def test_load_that_may_not_be_sent_leaves_no_run_directory(tmp_path, capsys):
    (tmp_path / "roster.csv").write_text("student,pin,enrolled\nS1,1,1\n")
    where = ["--no-prometheus", "--out", f"{tmp_path}/runs", "--roster", f"{tmp_path}/roster.csv"]
    away = ["--set", "target.stage=external", "--set", "target.url=http://tickets.example"]
    assert main(["run", "smoke", "--students", "1", *where, *away]) != 0
    assert "target.allow" in capsys.readouterr().err
    assert left(tmp_path / "runs") == []


def test_a_stage_that_has_nowhere_to_live_leaves_no_run_directory(tmp_path, capsys, monkeypatch):
    home = tmp_path / ("far" * 30)
    home.mkdir()
    monkeypatch.setenv("TMPDIR", str(home))
    assert main(["run", "smoke", "--no-prometheus", "--out", f"{tmp_path}/runs"]) == 1
    assert "set TMPDIR to a shorter path" in capsys.readouterr().err
    assert left(tmp_path / "runs") == []
    assert list(home.iterdir()) == []


def test_a_stage_of_containers_without_a_daemon_of_this_machine_is_refused_before_anything_is_made(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    where = ["--set", "target.stage=docker", "--out", f"{tmp_path}/runs"]
    assert main(["run", "smoke", *where]) == 1
    assert "on this machine only" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
