"""What was measured is held against the goals, and told where it belongs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.generator.calibration import Calibration
from benchmarks.generator.goals import goals
from benchmarks.generator.peers.peer import Claims
from benchmarks.generator.race import Lap
from benchmarks.generator.report import terminal, write_page
from benchmarks.generator.results import Results
from benchmarks.generator.storm import Storm
from benchmarks.generator.truth import figures

LAP = Lap(50_000, 20.0, 1.0, 0.4, 0.0, 0.0, Claims(125_000, 0, 125_000), 125_000)
STORM = Storm(60, 140, 150, 200, 400, 200, 401, 0.35, 0.1, 400, 0.01)
TRUE_MS = np.linspace(1, 100, 1000)
PAGE = """# Performance

Before.

<!-- What follows is made by `make bench-generator`: do not edit it. -->
<!-- … as far as here. -->

After.
"""


def results(ours: Lap = LAP, storm: Storm = STORM, off_ms: float = 0.1) -> Results:
    right = figures(TRUE_MS, TRUE_MS)
    return Results(
        date="2026-11-29",
        machine={
            "cpu": "a CPU",
            "cores": 2,
            "memory_gib": 24,
            "os": "Linux",
            "kernel": "6",
            "python": "3.11",
            "git_commit": "f" * 40,
            "versions": {"wrk": "4.1.0"},
        },
        settings={"rounds": 1, "seconds": 1.0, "students": 12_000},
        names={"ours": "ours", "k6-rows": "k6 --out csv", "hey": "hey", "constant": "20 ms each"},
        missing={"hey": "apt-get install hey"},
        race={"ours": {1: ours}, "k6-rows": {1: replace(LAP, per_s=10_000, cpu_us=100)}},
        storm={"ours": {1: storm}},
        calibration={"constant": {1: Calibration(1000, right, figures(TRUE_MS + off_ms, TRUE_MS))}},
    )


def missed(found: Results) -> list[str]:
    return [goal.words.partition(":")[0] for goal in goals(found) if goal.met is False]


def test_goals_that_are_reached_are_met() -> None:
    assert missed(results()) == []
    assert len(goals(results())) == 5


def test_each_goal_can_be_missed() -> None:
    slow = replace(LAP, per_s=39_000)
    late = replace(STORM, late_p99=151, cpu_s=0.41, system_p99=405)

    assert missed(results(ours=slow)) == ["Requests/s with rows, at least 4 times k6 --out csv"]
    assert missed(results(storm=late)) == ["T-0 with 12,000 warm connections"] * 3
    assert missed(results(off_ms=3.1)) == ["Calibration"]


def test_a_comparison_beside_other_programs_decides_nothing() -> None:
    found = goals(results(ours=replace(LAP, others=0.2), storm=replace(STORM, others=0.2)))

    undecided = [goal.sentence.partition("; ")[2] for goal in found if goal.met is None]
    assert undecided == ["undecided: other programs were at work"] * 3
    # What a server of known times says is true on a busy machine too.
    assert [goal.met for goal in found if goal.met is not None] == [True, True]


def test_what_was_not_measured_is_no_goal() -> None:
    empty = results()
    empty.race, empty.storm, empty.calibration = {}, {}, {}

    assert goals(empty) == []
    assert "hey (apt-get install hey)" in terminal(empty)


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        (Claims(125_000, 0, 125_000), None),
        (Claims(125_000, 0, None), None),
        (Claims(125_000, 0, 90_000), "It kept 90,000 rows of 125,000 requests."),
        (Claims(125_000, 3, 125_000), "3 of its 125,000 requests failed."),
    ],
)
def test_a_lap_is_held_against_what_the_server_answered(claims: Claims, words: str | None) -> None:
    assert replace(LAP, claims=claims).problem == words


def test_a_reader_is_told_of_other_programs() -> None:
    assert "Other programs" not in terminal(results())
    assert "with up to 20% of both cores" in terminal(results(ours=replace(LAP, others=0.2)))


def test_a_reader_is_told_of_a_firewall_that_follows_the_connections() -> None:
    found = results()
    for followed, told in ((None, False), (0, False), (4_000, True)):
        found.machine = {**found.machine, "connections_followed": followed}
        assert ("A firewall follows the connections" in terminal(found)) == told


def test_a_page_keeps_what_stands_around_the_figures(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(PAGE)

    write_page(results(ours=replace(LAP, per_s=12_345)), page)
    write_page(results(), page)

    text = page.read_text()
    assert text.startswith("# Performance\n\nBefore.\n")
    assert text.endswith("\nAfter.\n")
    assert "| ours | yes | 50,000 | 20.0 |" in text
    assert "12,345" not in text


def test_a_page_without_a_place_for_figures_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("# Performance\n")

    with pytest.raises(SystemExit, match=r"performance\.md has no place"):
        write_page(results(), page)
    assert page.read_text() == "# Performance\n"


def test_everything_that_was_measured_is_kept() -> None:
    assert '"late_p99": 140' in results().json()
