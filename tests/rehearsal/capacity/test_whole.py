"""A search of the real thing: whole rehearsals, with an edge that no machine moves."""

import json

import pytest

from tests.rehearsal.commands import QUICK

EDGE = '[{metric="census.ticket", limit="<= 40"}]'
"""Everybody's share of the tickets grows with the students, so that 160 of them pass."""


@pytest.mark.long
@pytest.mark.rehearsal
@pytest.mark.timeout(300)
def test_the_edge_is_found_by_whole_runs_that_stand_beside_each_other(rehearse):
    sets = [word for text in (*QUICK, "name=quick", f"gates={EDGE}") for word in ("--set", text)]
    options = ["--repeat", 1, "--within", "100%", "--to", 240, "--no-prometheus"]
    command = rehearse(command=["capacity", "smoke", *sets, *options])
    code = command.ended(280)
    said = command.output()
    assert "At most " in said.partition("1 of at most")[0], said
    if code == 1 and "The stage is not set" in said:
        pytest.skip(f"undecided, on a busy machine: {said}")
    (folder,) = command.out.glob("*-quick-capacity")
    found = json.loads((folder / "capacity.json").read_text())
    words = {each["people"]: each["outcome"] for each in found["tries"]}
    if "undecided" in words.values() or "The stage is not set" in said:
        pytest.skip(f"undecided, on a busy machine: {said}")
    assert code == 0, said
    assert words == {120: "pass", 240: "fail"}
    assert found["passes"]["people"] == 120
    assert found["breaks"].startswith("At 240 students: census.ticket is 60, the limit is <= 40.")
    assert len(found["tries"]) <= found["most_tries"]
    for each in found["tries"]:
        verdict = json.loads((folder / each["run"] / "verdict.json").read_text())
        assert verdict["census"]["students"] == each["people"]
        assert (folder / each["run"] / "report.html").exists()
