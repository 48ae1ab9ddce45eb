"""What a matrix has judged is kept at any time, and its closing words claim no more than that."""

import errno
import json
from pathlib import Path

import pytest
from rich.console import Console

from dress_rehearsal.compose.embedded import stage
from dress_rehearsal.compose.embedded.stage import longest_setting_s
from dress_rehearsal.compose.faults.patience import RELIEVED_WITHIN_S
from dress_rehearsal.plans import Cell, Plan
from dress_rehearsal.rehearsal.cli import main
from dress_rehearsal.rehearsal.errors import RehearsalError
from dress_rehearsal.rehearsal.matrix import run as leading
from dress_rehearsal.rehearsal.matrix.judgement import broken_cell, judge_cell
from dress_rehearsal.rehearsal.matrix.run import MatrixRun
from dress_rehearsal.rehearsal.matrix.screen import Grid, summed_up

CELLS = [
    Cell(strategy, "none", Plan(name="cell"), (), ())
    for strategy in ("row_lock", "optimistic", "atomic_update", "skip_locked", "redis_lock")
]
BUSY = ("cause.cpu", "trust.foreign_cpu", "verdict.inconclusive")
"""What a run finds beside other programs that take the processors."""
SMALL = """
name = "small"
[[rows]]
strategies = ["row_lock"]
"""


def judged(cell, *found):
    return judge_cell(cell, found, 0.1, "run")


class Lane:
    """A lane that judges a cell at once; `seen` has what matrix.json held at each cell."""

    lost = frozenset()
    seen = ()

    def __init__(self, folder, number, heard):
        self.cell, self._folder, self._heard = None, folder, heard

    def give(self, cell):
        self.cell = cell
        file = self._folder / "matrix.json"
        if file.exists():
            self.seen.append(len(json.loads(file.read_text())["cells"]))
        self._heard.put((self, None if cell.strategy in self.lost else judged(cell)))

    def dismiss(self):
        pass

    interrupt = await_end = dismiss

    def last_words(self):
        return "Its log is empty."


@pytest.fixture
def lanes(monkeypatch):
    """Return the lanes' class, for one test only."""
    kind = type("Lane", (Lane,), {"seen": []})
    monkeypatch.setattr(leading, "LaneProcess", kind)
    return kind


@pytest.fixture
def run(tmp_path):
    one = MatrixRun("small", CELLS, tmp_path, lanes=1)
    one.make_folder()
    return one


def carry_out(run):
    run.carry_out(Grid(Console(quiet=True), CELLS))


def kept(run):
    document = json.loads((run.folder / "matrix.json").read_text())
    assert document["planned"] == len(CELLS)
    return [(cell["strategy"], cell["differs"]) for cell in document["cells"]]


def test_what_was_judged_is_written_after_every_cell(run, lanes):
    carry_out(run)
    assert run.exit_code == 0
    assert lanes.seen == [1, 2, 3, 4]
    assert kept(run) == [(cell.strategy, False) for cell in CELLS]
    assert sorted(path.name for path in run.folder.iterdir()) == ["matrix.json", "matrix.svg"]


@pytest.mark.parametrize("quiet_later", [True, False])
def test_a_cell_on_a_busy_machine_is_tried_again_and_fails_nothing(
    tmp_path, lanes, monkeypatch, capsys, quiet_later
):
    monkeypatch.setattr(leading, "await_quiet", lambda *_: quiet_later)
    tried = []

    def give(lane, cell):
        lane.cell = cell
        tried.append(cell)
        busy = cell is CELLS[1] and not (quiet_later and tried.count(cell) == 2)
        lane._heard.put((lane, judged(cell, *(BUSY if busy else ()))))

    lanes.give = give
    run = MatrixRun("small", CELLS, tmp_path, lanes=1, again=True)
    run.make_folder()
    run.carry_out(Grid(Console(), CELLS))
    assert run.exit_code == 0
    assert tried == [*CELLS, CELLS[1]]
    assert [each.undecided for each in run.repeated] == [BUSY]
    assert run.judgements[-1].undecided == (() if quiet_later else BUSY)
    assert "carried out again" in capsys.readouterr().out
    assert ("undecided on a busy" in (run.folder / "matrix.svg").read_text()) != quiet_later


def test_a_matrix_given_up_keeps_every_lost_cell(run, lanes):
    lanes.lost = {cell.strategy for cell in CELLS}
    with pytest.raises(RehearsalError, match="4 lanes were lost"):
        carry_out(run)
    assert kept(run) == [(cell.strategy, True) for cell in CELLS[:4]]
    assert (run.folder / "matrix.svg").exists()


def test_an_interrupted_matrix_keeps_what_lanes_had_judged(run, lanes):
    def pressed(lane, cell):
        if cell is CELLS[2]:
            lane._heard.put((lane, judged(cell)))
            raise KeyboardInterrupt
        Lane.give(lane, cell)

    lanes.give = pressed
    carry_out(run)
    assert run.exit_code == 1
    assert len(kept(run)) == 3


@pytest.mark.slow
def test_a_lane_that_does_not_get_done_is_killed_and_its_cell_broken(run, lanes, monkeypatch):
    monkeypatch.setattr(leading, "_longest_s", lambda _: 0.2)
    monkeypatch.setattr(leading, "_LOOK_S", 0.02)
    killed = []

    def stopped(lane, cell):
        lane.cell = cell
        if cell is not CELLS[2]:
            Lane.give(lane, cell)

    def kill(lane):
        if lane not in killed:
            killed.append(lane)
            lane._heard.put((lane, None))

    lanes.give, lanes.kill = stopped, kill
    carry_out(run)
    assert kept(run) == [(cell.strategy, cell is CELLS[2]) for cell in CELLS]
    broken = run.judgements[2]
    assert "was not done with it after 0 s and was killed" in broken.error
    assert len(killed) == 1


def test_a_lane_has_the_time_that_its_stage_and_its_faults_have(monkeypatch):
    """The bounds of what a lane waits for may grow: then its own does."""
    (cell, *_) = CELLS
    was_s = leading._longest_s(cell)
    setting_s = longest_setting_s(cell.plan)
    assert was_s > cell.plan.schedule.sale + setting_s + RELIEVED_WITHIN_S
    monkeypatch.setattr(stage, "KEPT_FROM_RUNNING", stage.KEPT_FROM_RUNNING + 1)
    monkeypatch.setattr(leading, "RELIEVED_WITHIN_S", RELIEVED_WITHIN_S + 7)
    grown_s = longest_setting_s(cell.plan) - setting_s + 7
    assert grown_s > 7
    assert leading._longest_s(cell) == pytest.approx(was_s + grown_s)


@pytest.fixture
def full(monkeypatch):
    """A disk on which a file begins, and finds no room."""
    begun = Path.touch

    def write_text(path, *_arguments, **_more):
        begun(path)
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill():
        monkeypatch.setattr(Path, "write_text", write_text)

    return fill


def test_a_full_disk_leaves_no_empty_file(run, lanes, full):
    full()
    with pytest.raises(RehearsalError, match=r"matrix\.json cannot be written: No space left"):
        carry_out(run)
    assert list(run.folder.iterdir()) == []
    assert len(run.judgements) == len(CELLS)


def test_the_closing_table_is_shown_though_the_disk_is_full(tmp_path, lanes, full, capsys):
    (tmp_path / "small.toml").write_text(SMALL)
    full()
    assert main(["matrix", str(tmp_path / "small.toml"), "--out", str(tmp_path / "runs")]) == 1
    shown = capsys.readouterr()
    assert "1 of 1 cell, all as expected." in shown.out
    assert "No space left" in shown.err


def test_an_older_result_stays_whole_when_a_newer_one_finds_no_room(run, lanes, full):
    def give(lane, cell):
        if cell is CELLS[3]:
            full()
        Lane.give(lane, cell)

    lanes.give = give
    with pytest.raises(RehearsalError, match="cannot be written"):
        carry_out(run)
    assert len(kept(run)) == 3


@pytest.mark.parametrize(
    ("judgements", "words"),
    [
        ([], "Not one of 5 cells was judged: it ended before."),
        ([judged(CELLS[0])], "1 of 5 cells judged, all as expected; it ended before the rest."),
        (
            [judged(CELLS[0]), broken_cell(CELLS[1], "No.", 0.1)],
            "2 of 5 cells judged, 1 differs; it ended before the rest.",
        ),
        ([judged(cell) for cell in CELLS], "5 of 5 cells, all as expected."),
        (
            [*(judged(cell) for cell in CELLS[:4]), judged(CELLS[4], *BUSY)],
            "5 of 5 cells, all as expected; of 1 it is undecided how fast, for others had the CPU.",
        ),
    ],
    ids=["none", "one", "broken", "all", "busy"],
)
def test_the_closing_words_say_what_was_judged(judgements, words):
    assert summed_up(judgements, 5) == words


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ('expect = ["audit.sold_earley"]', "did you mean audit.sold_early?"),
        ('allow = ["pools.postgers.leak"]', "did you mean pools.postgres.leak?"),
        (
            'set.gates = [{ metric = "latency_ms[POST /logout].p99", limit = "<= 1s" }]',
            "cell row_lock × none: gates.0.metric",
        ),
        ('set.target = { stage = "external", url = "http://127.0.0.1:9" }', "embedded stage only"),
    ],
)
@pytest.mark.parametrize("command", [["matrix"], ["plan", "check"]])
def test_what_no_cell_could_do_is_refused_before_anything_starts(
    tmp_path, monkeypatch, capsys, command, row, sentence
):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "small.toml"
    file.write_text(f"{SMALL}{row}\n")
    assert main([*command, str(file)]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--set=app.workers=3", "--students=5", "--seed=3"])
def test_a_matrix_that_is_checked_takes_no_overrides(tmp_path, capsys, option):
    file = tmp_path / "small.toml"
    file.write_text(SMALL)
    assert main(["plan", "check", str(file)]) == 0
    assert "A matrix of 1 cell." in capsys.readouterr().out
    assert main(["plan", "check", str(file), option]) == 2
    assert "is a matrix, which takes no such option" in capsys.readouterr().err
