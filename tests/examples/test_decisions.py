"""What is decided about a foreign shop: its capacity, and whether another build is worse."""

import json
from pathlib import Path

import pytest

from tests.examples.conftest import SPARE_CORES, Stage

pytestmark = [pytest.mark.examples, pytest.mark.rehearsal, pytest.mark.timeout(400)]

GATES = (
    'gates=[{metric="census.failed", limit="== 0"}, '
    '{metric="latency_ms[POST /tickets].p50", limit="<= 60s", window="T+0..T+4s"}, '
    '{metric="latency_ms[POST /tickets].p99", limit="<= 60s", regression="< 10% and < 50 ms"}]'
)
"""Gates that a busy machine breaks none of."""
CAN_BE_UNDECIDED = 3
ONE = "fastapi"
"""What is searched and held against a baseline: that takes long, and is the same for each."""
SEARCH = ("--from", "60", "--to", "120", "--repeat", "1", "--at-most", "90s")


def found_in(folder: Path, name: str) -> Path:
    return min(folder.glob(f"*/{name}"))


@pytest.mark.alone
def test_the_largest_load_of_a_shop_is_searched(stage: Stage) -> None:
    shop = ONE
    out = stage.folder(shop)
    ended = stage.perform("capacity", shop, out, GATES, more=SEARCH)
    capacity = json.loads(found_in(out, "capacity.json").read_text())
    found = json.loads(found_in(out, "*/verdict.json").read_text())
    others_took = found["generator"]["foreign_cpu_cores"] or 0
    if ended.returncode == CAN_BE_UNDECIDED or others_took > SPARE_CORES:
        pytest.skip(f"undecided, on a busy machine: {capacity['sentence']}")
    assert ended.returncode == 0, ended.stdout
    assert "from 60 students to 120 students" in ended.stdout
    assert capacity["passes"]["people"] == 120
    assert capacity["headroom"][0]["passes"] == "pass"
    beside = stage.perform("run", shop, out, GATES)
    page = found_in(out, "report.html").read_text()
    assert "120 students pass; larger was not tried" in page, beside.stdout
    assert capacity["tries"][0]["tickets_per_s"] > 0


def test_a_wrong_that_another_build_does_is_worse(stage: Stage, shop: str) -> None:
    base, head = stage.folder(shop), stage.folder(shop)
    stage.perform("run", shop, base, GATES)
    stage.perform("run", shop, head, GATES, fault="oversell")
    sides = [str(found_in(folder, "verdict.json").parent) for folder in (base, head)]
    compared = stage.folder(shop)
    ended = stage.command("compare", *sides, "--out", str(compared))
    assert ended.returncode == 99, ended.stdout
    assert "oversold" in (compared / "comparison.md").read_text()


@pytest.mark.alone
def test_gates_have_windows_and_baselines_and_few_runs_decide_nothing(stage: Stage) -> None:
    shop = ONE
    base, head = stage.folder(shop), stage.folder(shop)
    stage.perform("run", shop, base, GATES)
    against = ("--baseline", str(found_in(base, "verdict.json").parent))
    ended = stage.perform("run", shop, head, GATES, more=against)
    assert ended.returncode == CAN_BE_UNDECIDED, ended.stdout
    assert "it takes 5 a side" in ended.stdout
    verdict = json.loads(found_in(head, "verdict.json").read_text())
    window = next(gate for gate in verdict["gates"] if gate.get("window"))
    assert window["value"] > 0
    assert window["status"] == "pass"
    assert any(gate["baseline"] is not None for gate in verdict["gates"])
