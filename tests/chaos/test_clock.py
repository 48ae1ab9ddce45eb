"""A recorded run is moved as the machine's own clock would have moved it."""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.chaos.clock import move, set_back, shim
from tests.chaos.incident import Incident, befall
from tests.chaos.perform import Lane

AT, BY = 1_000, 30_000_000_000


def test_what_was_taken_from_a_moment_on_is_moved_and_what_was_meant_is_not(tmp_path: Path) -> None:
    for folder in ("requests", "metrics.parquet"):
        (tmp_path / folder).mkdir()
    times = {"sent_ns": [900, 1_000, None], "first_byte_ns": [950, 1_100, None]}
    times |= {"done_ns": [1_000, 1_200, None], "read_ns": [1_001, 1_300, None]}
    requests = pa.table({"intended_ns": [899, 1_000, 1_100], **times})
    pq.write_table(requests, tmp_path / "requests" / "a.parquet")
    names = ["clock_offset_seconds", "clock_offset_seconds", "pg_up"]
    metrics = pa.table({"t_ns": [999, 1_000, 1_001], "name": names, "value": [0.0, 0.0, 1.0]})
    pq.write_table(metrics, tmp_path / "metrics.parquet" / "1.parquet")
    students = pa.table({"acked_ns": [500, 1_500], "issued_ns": [None, 1_600]})
    pq.write_table(students, tmp_path / "students.parquet")
    ledger = pa.table({"granted_ns": [400, 1_400], "committed_ns": [1_000, 2_000]})
    pq.write_table(ledger, tmp_path / "ledger.parquet")
    events = [{"t_ns": 10, "name": "open"}, {"t_ns": 5_000, "name": "performed"}]
    (tmp_path / "timeline.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in events))

    move(tmp_path, AT, BY)

    def column(path: str, name: str) -> list:
        return pq.read_table(tmp_path / path)[name].to_pylist()

    assert column("requests/a.parquet", "intended_ns") == [899, 1_000, 1_100]
    assert column("requests/a.parquet", "sent_ns") == [900, 1_000 + BY, None]
    assert column("requests/a.parquet", "done_ns") == [1_000 + BY, 1_200 + BY, None]
    assert column("metrics.parquet/1.parquet", "t_ns") == [999, 1_000 + BY, 1_001 + BY]
    assert column("metrics.parquet/1.parquet", "value") == [0.0, 30.0, 1.0]
    assert column("students.parquet", "issued_ns") == [None, 1_600 + BY]
    assert column("ledger.parquet", "granted_ns") == [400, 1_400 + BY]
    lines = (tmp_path / "timeline.jsonl").read_text().splitlines()
    assert [json.loads(line)["t_ns"] for line in lines] == [10, 5_000 + BY]


READ = "import time; print(time.time(), time.time_ns() / 1e9, time.monotonic())"
SPAWN = "import subprocess, sys; subprocess.run([sys.executable, '-P', '-c', {code!r}])"


@pytest.mark.parametrize("seconds", [0, 30, -30])
@pytest.mark.parametrize("code", [READ, SPAWN.format(code=READ)])
def test_a_process_and_its_children_go_by_the_clock_that_was_set(
    tmp_path: Path, seconds: int, code: str
) -> None:
    offset = tmp_path / "offset"
    offset.write_text(str(seconds))
    interpreter = shim(tmp_path / "python", offset)
    said = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=True)
    wall_s, wall_ns_s, steady_s = map(float, said.stdout.split())
    assert wall_s - time.time() == pytest.approx(seconds, abs=10)
    assert wall_ns_s == pytest.approx(wall_s, abs=1)
    assert steady_s == pytest.approx(time.monotonic(), abs=10)


def test_a_module_runs_by_it_as_by_any_other_interpreter(tmp_path: Path) -> None:
    offset = tmp_path / "offset"
    offset.write_text("0")
    interpreter = shim(tmp_path / "python", offset)
    said = subprocess.run([interpreter, "-P", "-m", "json.tool", "--help"], capture_output=True)
    assert said.returncode == 0
    assert b"json" in said.stdout


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Lane]:
    temporary = Path(tempfile.mkdtemp(prefix="chaos-"))
    temporary.chmod(0o755)  # its name is short, and PostgreSQL's user may go in
    yield Lane(temporary, tmp_path)
    shutil.rmtree(temporary)


@pytest.mark.long
@pytest.mark.rehearsal
def test_a_clock_that_is_set_back_by_an_hour_does_not_make_the_rush_last_one(lane: Lane) -> None:
    """It ends in time, and decides nothing for the clock's sake."""
    result = befall(Incident("set back", set_back), lane)
    assert [wrong.sentence for wrong in result.wrongs] == []
    assert result.word == "inconclusive"
