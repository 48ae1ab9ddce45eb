"""What is wrong with the end of a rehearsal is found, and what is right is not."""

import dataclasses
from typing import Any

import pytest

from tests.chaos.cells import COMPONENTS, Blow, Cell, Moment
from tests.chaos.right import Outcome, may_be_chance, structural, wrongs

BY_NAME = {component.name: component for component in COMPONENTS}
LOST = "Lost: redis (pid 17) was killed by SIGKILL though nobody stopped it."
HELD = "It held: all 160 students are accounted for."


def cell(name: str, blow: Blow = Blow.KILL, moment: Moment = Moment.OPEN) -> Cell:
    return Cell(BY_NAME[name], blow, moment)


def verdict(word: str, *reasons: str, **changes: Any) -> dict[str, Any]:
    census = {"students": 160, "ticket": 90, "sold_out": 62, "refused": 8, "gave_up": 0}
    census |= {"failed": 0, "unknown": 0, "never_started": 0, "in_flight": 0}
    whole = {
        "verdict": word,
        "reasons": list(reasons),
        "notes": [],
        "cause": "Cause: none.",
        "census": census,
        "audit": {"oversold": 0, "store_drift": None, "settle_ms": 12.5},
    }
    return whole | changes


def outcome(word: str, *reasons: str, **changes: Any) -> Outcome:
    code = {"pass": 0, "fail": 99, "inconclusive": 3}[word]
    screen = "chaos: 160 students\nsetting the stage …\n"
    whole = Outcome(code, verdict(word, *reasons), screen, 12.0, ended_it=True)
    return dataclasses.replace(whole, **changes)


def sentences(found: list) -> str:
    return "; ".join(wrong.sentence for wrong in found)


RIGHT = [
    (cell("redis"), outcome("fail", LOST)),
    (cell("redis"), outcome("inconclusive", "Redis could not be read.")),
    (cell("app"), outcome("fail", "Lost: app (pid 3) was killed though nobody stopped it.")),
    (cell("generator"), outcome("inconclusive", "Lost: The generator ended before.")),
    (cell("conductor"), outcome("inconclusive", "The run ended before its students had.")),
    (cell("conductor", moment=Moment.JUDGING), outcome("pass", HELD)),
    (cell("conductor", Blow.TERM), outcome("inconclusive", "The run was interrupted: it was.")),
    (cell("worker", Blow.TERM, Moment.SETTLING), outcome("pass", HELD)),
    (
        cell("sqs", Blow.STOP),
        outcome(
            "fail",
            "Lost tickets: 2.",
            verdict=verdict("fail", "Lost tickets: 2.", notes=["sqs (pid 3) stood still."]),
            ended_it=False,
        ),
    ),
    (cell("app", Blow.PAUSE), outcome("pass", HELD, ended_it=False)),
    (cell("guardian", Blow.TERM), outcome("pass", HELD, ended_it=False)),
    (cell("guardian", Blow.TERM, Moment.SETTLING), outcome("pass", HELD, ended_it=True)),
    (cell("generator", moment=Moment.SETTLING), outcome("pass", HELD, gone=True, ended_it=False)),
    (
        cell("guardian"),
        outcome("pass", HELD, output="…\nsetting the stage …\nguardian (pid 3) ended.\njudging …"),
    ),
    (
        cell("writeback", Blow.PAUSE),
        outcome(
            "pass",
            HELD,
            verdict=verdict("pass", HELD, notes=["The write-back stood still."]),
            ended_it=False,
        ),
    ),
]

WRONG = [
    ("pass instead of", cell("redis"), outcome("pass", HELD)),
    ("pass instead of", cell("worker", Blow.STOP), outcome("pass", HELD, ended_it=False)),
    ("nothing says worker", cell("worker", moment=Moment.SETTLING), outcome("pass", HELD)),
    ("pass instead of", cell("redis", moment=Moment.SETTLING), outcome("pass", HELD)),
    ("nothing says app", cell("app", Blow.STOP), outcome("pass", HELD, ended_it=False)),
    ("nothing says worker", cell("worker", Blow.PAUSE), outcome("pass", HELD, ended_it=False)),
    ("nothing says redis", cell("redis"), outcome("fail", "Gate broken: it was slow.")),
    ("nothing says guardian", cell("guardian"), outcome("pass", HELD)),
    # Its name in a path, before the run begins, is no word of it.
    ("nothing says guardian", cell("guardian"), outcome("pass", HELD, output="in /guardian/\nset")),
    ("fail instead of", cell("guardian"), outcome("fail", "Lost: guardian ended.")),
    ("fail instead of", cell("generator"), outcome("fail", "Lost: The generator ended.")),
    ("pass instead of", cell("conductor"), outcome("pass", HELD)),
    ("there is no verdict", cell("redis"), outcome("fail", LOST, verdict=None)),
    ("still running", cell("redis"), outcome("fail", LOST, ended_after_s=None)),
    ("ended only 91 s", cell("redis"), outcome("fail", LOST, ended_after_s=91.0)),
    ("left behind: folder", cell("redis"), outcome("fail", LOST, left=("folder /tmp/dr-1",))),
    ("exit code 1", cell("redis"), outcome("fail", LOST, exit_code=1)),
    ("a traceback", cell("redis"), outcome("fail", LOST, output="Traceback (most recent")),
    ("without a reason", cell("redis"), outcome("fail")),
    ("nothing says sqs", cell("sqs", Blow.STOP), outcome("fail", LOST, ended_it=False)),
]


@pytest.mark.parametrize(("struck", "came"), RIGHT)
def test_what_is_right_is_let_pass(struck: Cell, came: Outcome) -> None:
    assert sentences(wrongs(struck, came)) == ""


@pytest.mark.parametrize(("words", "struck", "came"), WRONG)
def test_what_is_wrong_is_said(words: str, struck: Cell, came: Outcome) -> None:
    assert words in sentences(wrongs(struck, came))


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("oversold is 3", {"audit": {"oversold": 3}}),
        ("adds up to 159", {"census": {"students": 160, "ticket": 159}}),
        (
            "20 students failed",
            {"census": {"students": 160, "ticket": 140, "failed": 20}},
        ),
    ],
)
def test_a_pass_that_hides_something_is_found_out(words: str, changes: dict[str, Any]) -> None:
    census = {"unknown": 0, "in_flight": 0, "never_started": 0, "failed": 0}
    if "census" in changes:
        changes = {"census": census | changes["census"]}
    passed = outcome("pass", HELD, verdict=verdict("pass", HELD, **changes))
    assert words in sentences(structural(passed))


@pytest.mark.parametrize(("lost", "words"), [(2, "2 tickets were lost"), (None, "nobody read")])
def test_a_pass_is_held_against_the_files_themselves(lost: int | None, words: str) -> None:
    assert words in sentences(structural(outcome("pass", HELD, promised=lost)))


def test_what_a_busy_machine_may_have_done_is_tried_again_and_nothing_else() -> None:
    late = outcome("inconclusive", "Nothing was heard of the kernel.", ended_it=False)
    assert all(wrong.by_chance for wrong in wrongs(cell("guardian", Blow.PAUSE), late))
    found = wrongs(cell("redis"), outcome("pass", HELD))
    assert not any(wrong.by_chance for wrong in found)


def test_who_ran_out_of_time_is_tried_again_and_who_wronged_is_not() -> None:
    limit = "Gate broken: census.in_flight is 7 of 160 students."
    slow = verdict("fail", limit, census={"students": 160, "in_flight": 7, "failed": 0})
    assert may_be_chance(slow, ("pass",))
    assert not may_be_chance(slow, ("inconclusive",))
    assert not may_be_chance(slow | {"audit": {"oversold": 1, "settle_ms": 12.5}}, ("pass",))
    failed = slow | {"census": {"students": 160, "failed": 9}}
    assert not may_be_chance(failed, ("pass",))
