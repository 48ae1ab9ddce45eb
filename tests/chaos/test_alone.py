"""What a busy machine may have done is carried out once more, with no other lane beside it."""

from pathlib import Path

import pytest

from tests.chaos import __main__ as chaos
from tests.chaos.incident import Incident
from tests.chaos.perform import Lane, Result
from tests.chaos.right import Wrong


def incident(name: str, *, by_chance: bool) -> Incident:
    def befall(lane: Lane, result: Result) -> None:
        result.word = "pass" if lane.folder.name == "alone" else "fail"
        if result.word == "fail":
            result.wrongs.append(Wrong("fail instead of pass", by_chance))

    return Incident(name, befall)


@pytest.fixture
def statuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(chaos, "healthy", lambda: incident("nothing at all", by_chance=True))
    events = [incident("slow", by_chance=True), incident("wrong", by_chance=False)]
    results = chaos.Chaos(events, 2, tmp_path).carry_out()
    return {result.name: result.status for result in results}


def test_what_fails_only_beside_others_is_right(statuses: dict[str, str]) -> None:
    assert statuses["slow"] == "right"
    assert statuses["nothing at all (lane 1)"] == statuses["nothing at all (lane 2)"] == "right"


def test_what_no_busy_machine_does_stays_wrong(statuses: dict[str, str]) -> None:
    assert statuses["wrong"] == "WRONG"
